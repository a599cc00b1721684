//! The sockets between a shim and QEMU.
//!
//! We bind them, QEMU inherits them: so they can be connected to before QEMU even runs, nobody
//! polls for them to appear, and their modes are ours. Their paths serve a later shim, which adopts.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;

use tokio::net::UnixStream;

use crate::backends::files::listen;
use crate::backends::{AgentChannel, BackendError, Line};
use crate::fault::io_error;

const SERIAL: &str = "serial.sock";
const QMP: &str = "qmp.sock";
const AGENT: &str = "agent.sock";

/// Our ends.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) serial: Line,
    pub(super) qmp: UnixStream,
    pub(super) agent: Option<AgentChannel>,
}

/// Makes the sockets and connects to them. The listening ends are in the order of their descriptors
/// on QEMU's command line; they must be closed here once QEMU has its own.
pub(super) fn bind(
    run_dir: &Path,
    has_agent: bool,
) -> Result<(Sockets, Vec<OwnedFd>), BackendError> {
    let mut listeners = Vec::with_capacity(3);
    for name in [SERIAL, QMP, AGENT]
        .into_iter()
        .take(if has_agent { 3 } else { 2 })
    {
        let path = run_dir.join(name);
        let listener = listen(&path).map_err(io_error("listen on", path))?;
        listeners.push(listener.into());
    }
    Ok((connect(run_dir, has_agent)?, listeners))
}

/// Connects to sockets that somebody else listens on, or will.
pub(super) fn connect(run_dir: &Path, has_agent: bool) -> Result<Sockets, BackendError> {
    let to = |name| {
        let path = run_dir.join(name);
        dial(&path).map_err(io_error("connect to", path))
    };
    Ok(Sockets {
        serial: to(SERIAL)?.into(),
        qmp: to(QMP)?,
        agent: has_agent
            .then(|| to(AGENT).map(AgentChannel::Standing))
            .transpose()?,
    })
}

/// A Unix socket is connected at once when somebody listens, whether or not he accepts.
fn dial(path: &Path) -> io::Result<UnixStream> {
    let stream = StdStream::connect(path)?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}
