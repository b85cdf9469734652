//! A running `outlast serve`, and a caller with a key.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use tempfile::TempDir;

/// A folder to run in, and the environment to run with.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    environment: Vec<(String, String)>,
}

/// `outlast serve`, stopped at the end.
pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
    errors: mpsc::Receiver<String>,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Place {
    pub(crate) fn new(environment: &[(&str, &str)]) -> Self {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self { folder: tempfile::tempdir().unwrap(), environment }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outlast"));
        command.current_dir(self.folder.path()).env_clear().envs(self.environment.clone());
        command.args(arguments);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command to its end and gives what it printed; it must succeed.
    pub(crate) fn print(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A key for `ada`.
    pub(crate) fn key(&self) -> String {
        self.print(&["key", "create", "--principal", "ada", "--team", "platform"])
    }

    /// The books, as `outlast usage --json` prints them.
    pub(crate) fn usage(&self, by: &str) -> Vec<Value> {
        serde_json::from_str(&self.print(&["usage", "--json", "--by", by])).unwrap()
    }

    /// Starts `outlast serve` on free ports and waits until it says where it listens.
    pub(crate) fn serve(&self) -> Server {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = lines(child.stderr.take().unwrap());
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let base = loop {
            let Some(line) = out.next() else {
                panic!("outlast serve ended: {:?}", errors.iter().collect::<Vec<_>>());
            };
            if let Some(rest) = line.unwrap().strip_prefix("gateway") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        Server { child, base, errors }
    }
}

/// The lines that a process writes, as they come.
fn lines(stream: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Server {
    /// Dies without a chance to write anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Is asked to stop, and stops in order.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for a line of its log that holds this.
    pub(crate) fn logs(&self, part: &str) -> String {
        self.errors
            .iter()
            .find(|line| line.contains(part))
            .unwrap_or_else(|| panic!("never logged: {part}"))
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: &str) -> Reply {
        self.post_with(path, key, &[], body).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        key: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let response = self.open_with(path, key, headers, body).await;
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Reply { status: parts.status, headers: parts.headers, text }
    }

    /// Sends a request and gives its answer before its body was read.
    pub(crate) async fn open(
        &self,
        path: &str,
        key: &str,
        body: &str,
    ) -> http::Response<hyper::body::Incoming> {
        self.open_with(path, key, &[], body).await
    }

    async fn open_with(
        &self,
        path: &str,
        key: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> http::Response<hyper::body::Incoming> {
        let request = Request::post(format!("{}{path}", self.base)).header("x-api-key", key);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn question(model: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"{model}","max_tokens":64,"stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
    )
}
