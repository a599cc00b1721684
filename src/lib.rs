//! A terminal dashboard for disposable microVMs.
//!
//! ```text
//!        keys, mouse, resize                    one process per VM, outlives the dashboard
//!               │                            ┌────────────────────────────────────────────┐
//! ┌─────────────▼──────────────┐   shim.sock │ shim: owner of ONE VM                      │
//! │ dashboard (app, ui)        │◄───────────►│  launches the VMM, reaps it, keeps exit    │  ┌─────────────┐
//! │  Message → update → Effect │             │  stamps the boot phases                    │─►│ firecracker │
//! │  State ─────────► render   │◄───────────►│  drains the serial line, always            │  └─────────────┘
//! └─────────────▲──────────────┘             │  answers terminal queries, keeps a log     │
//! ┌─────────────┴──────────────┐             │  speaks to the guest agent                 │
//! │ subcommands (cli)          │◄───────────►│                                            │
//! └────────────────────────────┘             └────────────────────────────────────────────┘
//! ```
//!
//! Dashboard and CLI are equal clients of the shims; there is no daemon, the directory of VMs *is*
//! the registry. Arrows of knowledge point one way and `tests/tidy.rs` enforces them:
//!
//! | room | owns | may know |
//! |---|---|---|
//! | [`fault`] | how a failure is told: code, sentence, way out | nothing |
//! | [`vm`] | what a VM is: name, spec, phase, boot timeline, the store on disk | `fault` |
//! | [`console`] | terminal engine, query responder, key encoding, sanitising | `fault` |
//! | [`guest`] | images, kernel extraction, initramfs, the agent's protocol | `vm` |
//! | [`network`] | TAP devices, their addresses, and the packet filter's part | `fault`, `vm` |
//! | [`backends`] | what runs a VM: `Backend`, `Machine`, accelerators, Firecracker, QEMU | `vm`, `guest`, `network` |
//! | [`shim`] | the per-VM owner process, its protocol, the client half | `vm`, `backends`, `console`, `guest`, `network` |
//! | [`sampler`] | live CPU and memory of a VM from the host's side | `vm` |
//! | [`config`] | what the user set, and what it means | `vm`, `backends`, `console`, `network` |
//! | [`doctor`] | host checks, report, fixes | `vm`, `backends`, `guest`, `config`, `console`, `network`, `sampler` |
//! | [`fleet`] | the operations that dashboard and CLI share: create, start, stop, remove, list | all above |
//! | [`app`] | the dashboard's logic: state, message, update, effect, event loop | `vm`, `console`, `guest`, `shim`, `sampler`, `config`, `doctor`, `fleet`, and, to draw, `ui` |
//! | [`ui`] | the dashboard's looks: pure functions of `(frame, area, &State, &Theme)` | `app::state` and the plain data of `vm`, `console`, `doctor`, `sampler` |
//! | [`cli`] | subcommands, with `--json` | all but `ui` |

pub mod app;
pub mod backends;
pub mod cli;
pub mod config;
pub mod console;
pub mod doctor;
pub mod fault;
pub mod fleet;
pub mod guest;
pub mod network;
pub mod sampler;
pub mod shim;
pub mod ui;
pub mod vm;
