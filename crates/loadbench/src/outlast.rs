//! The gateway under measurement: a release build of `outlast serve` with a key and its ledger on, as
//! a company would run it.

use std::{
    collections::HashMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    load::Addresses,
    process::{Server, free_port},
    provider::{STREAMED, WHOLE},
};

/// What every key begins with.
const KEY_PREFIX: &str = "ok_";

/// A running gateway and a key for it.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) addresses: Addresses,
    pub(crate) key: String,
    pub(crate) server: Server,
}

/// Builds the release binary, so that what is measured is what is in the repository.
pub(crate) fn build() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "outlast"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "`outlast` does not build");
    Ok(())
}

/// Starts the gateway in front of the provider and makes a key for it.
pub(crate) fn start(folder: &Path, provider: Addresses) -> Result<Gateway> {
    start_with(folder, &format!("workers = 1\n{}", sections(provider)))
}

/// Starts a gateway with this configuration, to which its addresses and its data folder are added.
pub(crate) fn start_with(folder: &Path, configuration: &str) -> Result<Gateway> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let console = free_port()?;
    let config = folder.join("outlast.toml");
    let data = folder.join("data");
    let data = data.display();
    let place =
        format!("listen = \"{address}\"\nconsole = \"127.0.0.1:{console}\"\ndata = \"{data}\"\n");
    fs::write(&config, place + configuration)?;
    let key = make_key(&config)?;
    let child = Command::new(program()?)
        .arg("serve")
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start outlast")?;
    let addresses = Addresses { whole: address, streamed: address };
    Ok(Gateway { addresses, key, server: Server::new(child) })
}

/// Attempts at a provider and those that failed, by its name, once the gateway of this folder stopped.
pub(crate) fn attempts(folder: &Path) -> Result<HashMap<String, (u64, u64)>> {
    let output = Command::new(program()?)
        .args(["usage", "--json", "--by", "provider", "--config"])
        .arg(folder.join("outlast.toml"))
        .output()
        .context("cannot run outlast usage")?;
    let rows: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let read = |row: &Value| {
        let name = row["labels"]["provider"].as_str()?.to_owned();
        Some((name, (row["attempts"].as_u64()?, row["failed_attempts"].as_u64()?)))
    };
    let rows = rows.as_array().context("outlast usage shows no rows")?;
    rows.iter().map(|row| read(row).context("an odd row of outlast usage")).collect()
}

fn make_key(config: &Path) -> Result<String> {
    let output = Command::new(program()?)
        .args([
            "key",
            "create",
            "--principal",
            "bench",
            "--team",
            "bench",
            "--name",
            "bench",
            "--config",
        ])
        .arg(config)
        .output()
        .context("cannot run outlast key create")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // The key's public part is printed as well; the key itself is the longest such word.
    let words = said.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    let key = words.filter(|word| word.starts_with(KEY_PREFIX)).max_by_key(|word| word.len());
    let complaint = String::from_utf8_lossy(&output.stderr);
    let key = key.with_context(|| format!("outlast key create shows no key: {said}{complaint}"))?;
    Ok(key.to_owned())
}

/// The binary beside this one.
fn program() -> Result<PathBuf> {
    let this = std::env::current_exe().context("cannot find this program")?;
    Ok(this.with_file_name("outlast"))
}

fn sections(provider: Addresses) -> String {
    let section = |name: &str, model: &str, address: SocketAddr| {
        format!(
            r#"
[[provider]]
name = "{name}"
base_url = "http://{address}/v1"
dialects = ["openai-chat"]
api_key = "not-asked-for"

[[price]]
model = "{name}/{model}"
input_usd_per_million = 1
output_usd_per_million = 4

[[route]]
name = "{model}"
targets = ["{name}/{model}"]
"#
        )
    };
    let whole = section("at-once", WHOLE, provider.whole);
    let streamed = section("paced", STREAMED, provider.streamed);
    whole + &streamed
}
