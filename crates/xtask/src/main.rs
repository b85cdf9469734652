//! The work around the code: `cargo xtask ci`, `cargo xtask tidy`, `cargo xtask catalog`. Nothing of
//! the product is here, and the product links none of it.

#![allow(clippy::print_stdout, reason = "a command line program speaks on standard output")]

mod catalog;
mod ci;
mod repository;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask COMMAND

  ci                                 everything that must hold before a change is merged
  tidy                               the rules of the house that no lint can say
  catalog FOLDER --as-of YYYY-MM-DD  crates/decide/catalog/models.jsonl from public price lists";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    match words {
        ["ci"] => ci::run(),
        ["tidy"] => tidy::run(),
        ["catalog", sources, "--as-of", as_of] => {
            let (sources, as_of) = ((*sources).to_owned(), (*as_of).to_owned());
            catalog::run(&catalog::Order { sources, as_of })
        }
        _ => bail!("{USAGE}"),
    }
}

fn say(line: &str) {
    println!("{line}");
}
