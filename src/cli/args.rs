//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(super) use self::serial::{Beginning, ExpectArgs, SendArgs};
use super::doctor::DoctorArgs;
use crate::backends::resolve;
use crate::vm::{Accel, Arch, CpuModel, DiskMode, NetworkMode, PortForward};

mod serial;

/// A terminal dashboard for disposable microVMs.
///
/// Without a command it opens the dashboard.
#[derive(Debug, Parser)]
#[command(name = "smolvm-tui", version, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) globals: Globals,
    /// Open the dashboard on this VM
    #[arg(long, value_name = "NAME")]
    pub(super) open: Option<String>,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct Globals {
    /// What runs VMs: auto, firecracker or qemu
    #[arg(long, global = true, value_name = "BACKEND", value_parser = backend, help_heading = "Global options")]
    pub(super) backend: Option<String>,
    /// Configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(super) config: Option<PathBuf>,
    /// Where VMs and images are kept
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global options"
    )]
    pub(super) data_dir: Option<PathBuf>,
    /// Answer with one JSON object on stdout
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check whether this host can run VMs
    Doctor(DoctorArgs),
    /// Make a VM
    Create(Box<CreateArgs>),
    /// Boot VMs
    Start(LifecycleArgs),
    /// Ask guests to power off
    Stop(LifecycleArgs),
    /// Stop VMs and boot them again
    Restart(LifecycleArgs),
    /// End VMs at once
    Kill(LifecycleArgs),
    /// Halt the processors of VMs
    Pause(LifecycleArgs),
    /// Let paused VMs go on
    Resume(LifecycleArgs),
    /// Remove VMs and all that is their own
    Rm(RmArgs),
    /// Show all VMs
    Ls,
    /// Show everything known of a VM
    Info(NameArgs),
    /// Attach this terminal to a VM's serial console
    Console(ConsoleArgs),
    /// Type text on a VM's serial console
    Send(SendArgs),
    /// Wait for text on a VM's serial console
    Expect(ExpectArgs),
    /// Show the console's screen
    Screen(ScreenArgs),
    /// Show the serial log
    Logs(LogsArgs),
    /// Make a PTY on a VM's serial line and print its path
    Pty(PtyArgs),
    /// Show a VM's boots and their phases
    Boots(NameArgs),
    /// List, build, import and remove guest images
    #[command(subcommand)]
    Image(ImageCommand),
    /// Show the configuration as it applies
    Config,
    /// Show the dashboard's keys
    Keys,
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// The VM
    pub(super) name: String,
}

#[derive(Debug, Args)]
pub(super) struct ConsoleArgs {
    /// The VM
    pub(super) name: String,
    /// Only look: no key but the leave key does anything
    #[arg(long)]
    pub(super) read_only: bool,
}

#[derive(Debug, Args)]
pub(super) struct PtyArgs {
    /// The VM
    pub(super) name: String,
    /// Make a symbolic link to it there, and print that
    #[arg(long, value_name = "PATH")]
    pub(super) link: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Its name; a friendly free one is found without
    pub(super) name: Option<String>,
    /// Image to boot
    #[arg(long)]
    pub(super) image: Option<String>,
    /// vCPUs
    #[arg(long, value_name = "N")]
    pub(super) cpus: Option<u32>,
    /// Memory in MiB
    #[arg(long, value_name = "MIB")]
    pub(super) memory: Option<u64>,
    /// What happens to the root file system: isolated or shared
    #[arg(long, value_name = "MODE")]
    pub(super) disk_mode: Option<DiskMode>,
    /// Size of the VM's own disk in MiB
    #[arg(long, value_name = "MIB")]
    pub(super) disk_size: Option<u64>,
    /// Make a port of the guest reachable at 127.0.0.1
    #[arg(long, value_name = "HOST:GUEST")]
    pub(super) publish: Vec<PortForward>,
    /// A kernel in place of the image's
    #[arg(long, value_name = "FILE")]
    pub(super) kernel: Option<PathBuf>,
    /// An initial RAM file system in place of the image's
    #[arg(long, value_name = "FILE")]
    pub(super) initrd: Option<PathBuf>,
    /// A root file system in place of the image's
    #[arg(long, value_name = "FILE")]
    pub(super) rootfs: Option<PathBuf>,
    /// The whole kernel command line
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub(super) boot_args: Option<String>,
    /// auto, none, user or tap
    #[arg(long, value_name = "MODE")]
    pub(super) network: Option<NetworkMode>,
    /// Architecture of the guest, as `uname -m` says
    #[arg(long)]
    pub(super) arch: Option<Arch>,
    /// The accelerator to insist on: kvm, hvf or tcg
    #[arg(long)]
    pub(super) accel: Option<Accel>,
    /// CPU shown to an emulated guest: fast or max
    #[arg(long, value_name = "MODEL")]
    pub(super) cpu_model: Option<CpuModel>,
    /// What on the serial line says that a guest without agent is ready
    #[arg(long, value_name = "REGEX")]
    pub(super) ready_pattern: Option<String>,
    /// Start it, and return when it runs
    #[arg(long)]
    pub(super) start: bool,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// Return when the guest is ready
    #[arg(long)]
    pub(super) wait: bool,
    /// How long that may take, in seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(super) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct LifecycleArgs {
    /// The VMs
    #[arg(required = true, value_name = "NAME")]
    pub(super) names: Vec<String>,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

#[derive(Debug, Args)]
pub(super) struct RmArgs {
    /// The VMs
    #[arg(required = true, value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// Kill what runs first, and remove what is damaged too
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct ScreenArgs {
    /// The VM
    pub(super) name: String,
    /// With colours, as bytes that draw it on a terminal
    #[arg(long)]
    pub(super) ansi: bool,
}

#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// The VM
    pub(super) name: String,
    /// Go on with what comes, until the VM ends
    #[arg(short, long)]
    pub(super) follow: bool,
    /// Only the last lines
    #[arg(long, value_name = "N")]
    pub(super) tail: Option<usize>,
    /// Only this boot, by its number in `boots`
    #[arg(long, value_name = "K")]
    pub(super) boot: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ImageCommand {
    /// Show all images
    Ls,
    /// Make the image `tiny` from this host's distribution
    Build(ImageBuildArgs),
    /// Make an image from files
    Import(ImageImportArgs),
    /// Remove images that no VM uses
    Rm(ImageRmArgs),
}

#[derive(Debug, Args)]
pub(super) struct ImageBuildArgs {
    /// Its name
    #[arg(long)]
    pub(super) name: Option<String>,
    /// A kernel of your own
    #[arg(long, value_name = "FILE")]
    pub(super) kernel: Option<PathBuf>,
    /// The directory lib/modules/RELEASE that belongs to it
    #[arg(long, value_name = "DIR")]
    pub(super) modules: Option<PathBuf>,
    /// A static busybox in place of the distribution's
    #[arg(long, value_name = "FILE")]
    pub(super) busybox: Option<PathBuf>,
    /// The agent in place of the one beside this program
    #[arg(long, value_name = "FILE")]
    pub(super) agent: Option<PathBuf>,
    /// Architecture of the guest, as `uname -m` says
    #[arg(long)]
    pub(super) arch: Option<Arch>,
}

#[derive(Debug, Args)]
pub(super) struct ImageImportArgs {
    /// Its name
    pub(super) name: String,
    /// The kernel
    #[arg(long, value_name = "FILE")]
    pub(super) kernel: PathBuf,
    /// Its initial RAM file system
    #[arg(long, value_name = "FILE")]
    pub(super) initrd: Option<PathBuf>,
    /// The root file system
    #[arg(long, value_name = "FILE")]
    pub(super) rootfs: Option<PathBuf>,
    /// Architecture of the guest, as `uname -m` says
    #[arg(long)]
    pub(super) arch: Option<Arch>,
}

#[derive(Debug, Args)]
pub(super) struct ImageRmArgs {
    /// The images, as NAME or NAME@DIGEST
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}

impl Command {
    /// The word for it, as `command` in a JSON answer.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Doctor(_) => "doctor",
            Self::Create(_) => "create",
            Self::Start(_) => "start",
            Self::Stop(_) => "stop",
            Self::Restart(_) => "restart",
            Self::Kill(_) => "kill",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Rm(_) => "rm",
            Self::Ls => "ls",
            Self::Info(_) => "info",
            Self::Console(_) => "console",
            Self::Send(_) => "send",
            Self::Expect(_) => "expect",
            Self::Screen(_) => "screen",
            Self::Pty(_) => "pty",
            Self::Logs(_) => "logs",
            Self::Boots(_) => "boots",
            Self::Image(ImageCommand::Ls) => "image ls",
            Self::Image(ImageCommand::Build(_)) => "image build",
            Self::Image(ImageCommand::Import(_)) => "image import",
            Self::Image(ImageCommand::Rm(_)) => "image rm",
            Self::Config => "config",
            Self::Keys => "keys",
            Self::Completions(_) => "completions",
            Self::Man => "man",
        }
    }

    /// Whether it looks at or ends VMs, which an error in the configuration must not prevent.
    pub(super) fn bears_broken_config(&self) -> bool {
        matches!(
            self,
            Self::Ls
                | Self::Info(_)
                | Self::Stop(_)
                | Self::Kill(_)
                | Self::Logs(_)
                | Self::Rm(_)
                | Self::Completions(_)
                | Self::Man
        )
    }
}

fn backend(text: &str) -> Result<String, crate::backends::BackendError> {
    resolve::parse(text).map(|_| text.to_owned())
}

/// Seconds with a fraction, as in `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| *duration <= Duration::from_hours(24 * 366))
        .ok_or_else(|| "expected a number of seconds, such as 60 or 0.5".to_owned())
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
