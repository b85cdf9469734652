//! nginx as a bare reverse proxy: one worker, no access log, no buffering, connections to the provider
//! kept. The cheapest thing that could stand where the gateway stands.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Result;

use crate::{
    load::Addresses,
    process::{Server, free_port},
};

/// A running nginx.
#[derive(Debug)]
pub(crate) struct Nginx {
    pub(crate) addresses: Addresses,
    pub(crate) server: Server,
}

/// Starts nginx in front of the provider; `None` where it is not installed.
pub(crate) fn start(folder: &Path, provider: Addresses) -> Result<Option<Nginx>> {
    let (whole, streamed) = (free_port()?, free_port()?);
    let config = folder.join("nginx.conf");
    fs::write(&config, configuration(folder, provider, whole, streamed))?;
    let spawned = ["nginx", "/usr/sbin/nginx"].iter().find_map(|program| {
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).arg("-p").arg(folder);
        command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().ok()
    });
    let Some(child) = spawned else { return Ok(None) };
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let addresses = Addresses { whole: local(whole), streamed: local(streamed) };
    Ok(Some(Nginx { addresses, server: Server::new(child) }))
}

fn configuration(folder: &Path, provider: Addresses, whole: u16, streamed: u16) -> String {
    let folder = folder.display();
    // Started by root, a worker would change to a user who may not write in our folder.
    let user =
        if fs::metadata("/proc/self").is_ok_and(|own| is_root(&own)) { "user root;" } else { "" };
    let server = |name: &str, port: u16, upstream: SocketAddr| {
        format!(
            "upstream {name} {{ server {upstream}; keepalive 64; keepalive_requests 100000000; }}
             server {{
               listen 127.0.0.1:{port};
               location / {{
                 proxy_pass http://{name};
                 proxy_http_version 1.1;
                 proxy_set_header Connection \"\";
                 proxy_buffering off;
               }}
             }}"
        )
    };
    let whole = server("whole", whole, provider.whole);
    let streamed = server("streamed", streamed, provider.streamed);
    format!(
        "{user}
         daemon off;
         worker_processes 1;
         pid {folder}/nginx.pid;
         error_log /dev/null crit;
         events {{ worker_connections 1024; }}
         http {{
           access_log off;
           keepalive_requests 100000000;
           client_body_temp_path {folder}/client_body;
           proxy_temp_path {folder}/proxy;
           fastcgi_temp_path {folder}/fastcgi;
           uwsgi_temp_path {folder}/uwsgi;
           scgi_temp_path {folder}/scgi;
           {whole}
           {streamed}
         }}"
    )
}

fn is_root(own: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    own.uid() == 0
}
