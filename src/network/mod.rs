//! A network of its own for a VM (Linux): a TAP device on the host, addresses from a pool, and what
//! the host's packet filter has to do for it. A VM without a TAP device needs none of this room.
//!
//! # What is made
//!
//! - A persistent TAP device `smt` + the VM's id, owned by the user who runs the VM, so that the VMM
//!   opens it without any privilege.
//! - A /30 out of the [`Pool`]: the host has its first address, the guest the second, so that no two
//!   VMs share a link. Blocks that an interface, a route or a name server of the host overlaps are
//!   passed over. All of the choosing and making happens under a lock on the network namespace
//!   itself (`flock` on `/proc/self/ns/net`), so the kernel's own list of interfaces is the list of
//!   what is taken, for all users and all data directories: nothing to keep in step, and a reboot
//!   frees everything. `network/ID.json` in the data directory notes what was made for whom.
//! - One table, [`TABLE`], whose rules ([`RULES`]) name no VM: they speak of `smt*`. So it is loaded
//!   as it is, in one transaction, whenever a VM gets its device, and it goes with the last device.
//!
//! # What the rules do
//!
//! From one VM to another nothing passes. A VM begins connections to the outside with the host's
//! address (masquerade), over IPv4 only; nobody outside begins one to a VM. A VM cannot pretend to
//! be another (`fib`). What the host itself offers on its addresses a VM reaches like any neighbour
//! on a network; never its loopback address.
//!
//! A `drop` of another table, such as Docker's FORWARD policy or a firewall's, stays a drop: in nft
//! an `accept` ends only its own table. Then VMs reach the host and nobody else, until that
//! firewall accepts `smt*`.
//!
//! Forwarding (`net.ipv4.ip_forward`) is turned on when the first VM needs it, which is said in
//! what is noted of the VM, and never turned off again: others may rely on it by then.
//!
//! # Published ports
//!
//! The shim listens on 127.0.0.1 and copies bytes ([`publish`]). The packet filter could do it
//! (`dnat` for what the host sends to its own loopback), but only with `route_localnet` on the
//! device, which lets guests send to 127.0.0.0/8 of the host and is held back by nothing but a rule
//! (CVE-2020-8558); and the port would not be taken, so another program could listen there and never
//! hear anything. A listening socket needs no privilege, is refused when the port is taken, and is
//! what QEMU's own user-mode network does. The price: while a VM has no shim its ports are closed.
//!
//! # Privileges
//!
//! Root, or a process with `CAP_NET_ADMIN` in its ambient set, runs the commands directly. Anyone else
//! runs them by `sudo -n`. They are all of these, `H` a hexadecimal digit of lower case:
//!
//! ```text
//! ip tuntap add dev smtHHHHHHHH mode tap user UID
//! ip address add A.B.C.D/30 dev smtHHHHHHHH        A.B.C.D out of the pool
//! ip link set dev smtHHHHHHHH up
//! ip tuntap del dev smtHHHHHHHH mode tap
//! nft RULES                                        the text of `RULES`, one argument
//! nft delete table inet smolvm_tui
//! nft list table inet smolvm_tui
//! sysctl -w net.ipv4.ip_forward=1
//! ```
//!
//! Nothing comes in by standard input, so a sudoers file can permit exactly this: [`sudoers`] makes
//! its lines. `nft -f -` would have been a key to the whole packet filter.

mod address;
mod device;
mod error;
mod filter;
mod host;
mod leftover;
mod privilege;
pub mod publish;
mod step;

pub use address::{Pool, PoolError, Tap, id_of};
pub use device::{Record, attach, detach, recorded};
pub use error::NetworkError;
pub use filter::{RULES, TABLE};
pub use host::{Traffic, traffic};
pub use leftover::{Leftover, leftovers, remove};
pub use privilege::{
    Privilege, authority, permitted, permitted_lately, prerequisites, privilege, program,
};
pub use step::sudoers;
