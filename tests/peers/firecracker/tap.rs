//! The TAP device of a network interface: opened at the request, as the real one does, and held as
//! long as it lives.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::libc;

/// Opens that device, or says in Firecracker's words (`TapError`, `NetError`) why it cannot.
pub(crate) fn open(name: &str) -> Result<File, String> {
    attach(name).map_err(|why| {
        format!("Network device error: Could not create the network device: Open tap device failed: {why}")
    })
}

fn attach(name: &str) -> Result<File, String> {
    if name.len() >= libc::IFNAMSIZ {
        return Err("Invalid interface name".to_owned());
    }
    let tap = File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .map_err(|error| format!("Couldn't open /dev/net/tun: {error}"))?;
    // SAFETY: plain numbers and bytes, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = byte.cast_signed();
    }
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    request.ifr_ifru.ifru_flags = i16::try_from(flags).expect("it fits");
    // SAFETY: the call reads and writes the request, which outlives it.
    let done = unsafe { libc::ioctl(tap.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if done < 0 {
        let error = io::Error::last_os_error();
        return Err(format!(
            "Error while creating ifreq structure: {error}. Invalid TUN/TAP Backend provided by {name}. Check our documentation on setting up the network devices."
        ));
    }
    Ok(tap)
}
