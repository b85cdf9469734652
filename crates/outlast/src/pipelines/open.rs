//! Opens the engine of a data folder, and lays out what its programs find: this very program under its
//! own name, the folder for what must outlive a killed step, and the way to the gateway.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

use access::Secret;
use anyhow::Context;
use pipeline::{Engine, EngineOptions};

/// Where a step finds the gateway.
pub(crate) const TEACHER_URL_VARIABLE: &str = "OUTLAST_TEACHER_URL";
/// The key that a step shows there. In the environment and nowhere else: a command line is seen by
/// everyone on the machine, and would be part of what results are kept under.
pub(crate) const TEACHER_KEY_VARIABLE: &str = "OUTLAST_TEACHER_KEY";
/// The folder of what must outlive a killed step.
pub(crate) const PROGRESS_VARIABLE: &str = "OUTLAST_STEP_PROGRESS";

/// The engine's folder inside the data folder.
const FOLDER: &str = "pipelines";

/// Programs are found here where this process was started without a `PATH`.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// How programs reach the gateway.
#[derive(Debug)]
pub(crate) struct Teacher {
    /// Where the gateway listens.
    pub(crate) gateway: SocketAddr,
    /// A key that lives as long as this process.
    pub(crate) key: Secret,
}

/// Opens the engine of a data folder. Unfinished runs rest until they are resumed.
pub(crate) async fn open(data: &Path, teacher: Option<Teacher>) -> anyhow::Result<Engine> {
    let folder = data.join(FOLDER);
    let laid_out = lay_out(&folder);
    let folder = laid_out.with_context(|| format!("{} cannot be used", folder.display()))?;
    let path = std::env::var("PATH").unwrap_or_else(|_| PATH.to_owned());
    let inside = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let mut options = EngineOptions::new(&folder);
    options.environment = vec![
        ("PATH".to_owned(), format!("{}:{path}", inside("bin"))),
        (PROGRESS_VARIABLE.to_owned(), inside("progress")),
    ];
    if let Some(Teacher { gateway, key }) = teacher {
        options.environment.extend([
            (TEACHER_URL_VARIABLE.to_owned(), format!("http://{}", reachable(gateway))),
            (TEACHER_KEY_VARIABLE.to_owned(), key.expose().to_owned()),
        ]);
    }
    Ok(Engine::open(options).await?)
}

/// Makes the folder with `bin/outlast`, so that components start this program by its name wherever it is
/// installed. Gives the folder's whole path.
fn lay_out(folder: &Path) -> io::Result<std::path::PathBuf> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin)?;
    let folder = fs::canonicalize(folder)?;
    let (link, fresh) = (bin.join("outlast"), bin.join("outlast.new"));
    let _ = fs::remove_file(&fresh);
    std::os::unix::fs::symlink(std::env::current_exe()?, &fresh)?;
    fs::rename(fresh, link)?;
    Ok(folder)
}

/// An address to connect to: who listens everywhere is reached on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn who_listens_everywhere_is_reached_here() {
        for (listens, reached) in
            [("0.0.0.0:7", "127.0.0.1:7"), ("[::]:7", "[::1]:7"), ("10.0.0.5:7", "10.0.0.5:7")]
        {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), reached);
        }
    }
}
