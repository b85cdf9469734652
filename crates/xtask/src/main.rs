//! The work around the code: `cargo xtask ci`, `cargo xtask tidy`, `cargo xtask catalog`. Nothing of
//! the product is here, and the product links none of it.

#![allow(clippy::print_stdout, reason = "a command line program speaks on standard output")]

mod catalog;
mod repository;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask COMMAND

  ci                                 everything that must hold before a change is merged
  tidy                               the rules of the house that no lint can say
  catalog FOLDER --as-of YYYY-MM-DD  crates/decide/catalog/models.jsonl from public price lists";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["catalog", sources, "--as-of", as_of] => {
            let order =
                catalog::Order { sources: (*sources).to_owned(), as_of: (*as_of).to_owned() };
            for line in catalog::run(&order)? {
                println!("{line}");
            }
            Ok(())
        }
        _ => bail!("{USAGE}"),
    }
}
