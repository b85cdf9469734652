//! The three simulated vendors of the demo. They carry real vendors' names, so that real list prices
//! and the real table of successors apply; they answer on loopback and say that they are simulations.

use std::path::Path;

use anyhow::Context;
use simulator::{Answer, Vendor, VendorSpec};
use terms::dialect::Dialect;

use crate::demo::lesson;

/// The key that the simulated vendors want; worth nothing anywhere.
const KEY: &str = "simulated-vendor-key";

/// The vendors, the one that dies first.
pub(crate) struct Vendors {
    pub(crate) first: Vendor,
    second: Vendor,
    third: Vendor,
}

impl Vendors {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let first = vendor(
            "anthropic",
            Dialect::AnthropicMessages,
            350,
            18,
            &[
                "claude-fable-5",
                "claude-opus-4-8",
                "claude-opus-5",
                "claude-sonnet-5",
                "claude-haiku-4-5",
            ],
        );
        let second =
            vendor("openai", Dialect::OpenaiChat, 420, 15, &["gpt-5.5", "gpt-5.4", "gpt-5.4-mini"]);
        let third = vendor(
            "google",
            Dialect::OpenaiChat,
            260,
            12,
            &["gemini-3.8-flash", "gemini-3.1-pro-preview", "gemini-3.5-flash-lite"],
        );
        let context = "a simulated vendor cannot listen on loopback";
        Ok(Self {
            first: Vendor::start(first).await.context(context)?,
            second: Vendor::start(second).await.context(context)?,
            third: Vendor::start(third).await.context(context)?,
        })
    }

    /// The config that a user would write for these vendors.
    pub(crate) fn config(&self, task_file: &Path) -> String {
        let mut text = format!("tasks = [{:?}]\n", task_file.display().to_string());
        text.push_str(
            "notice = \"Simulated vendors: latencies, tokens and answers are made up on this machine; prices are the real list prices.\"\n\
             listen = \"127.0.0.1:0\"\nconsole = \"127.0.0.1:0\"\n\n\
             [breaker]\ncost = 1\n",
        );
        for (name, vendor, dialect) in [
            ("anthropic", &self.first, Dialect::AnthropicMessages),
            ("openai", &self.second, Dialect::OpenaiChat),
            ("google", &self.third, Dialect::OpenaiChat),
        ] {
            text.push_str(&format!(
                "\n[[provider]]\nname = \"{name}\"\nbase_url = \"{}/v1\"\ndialects = [\"{dialect}\"]\napi_key = \"{KEY}\"\n",
                vendor.base_url()
            ));
        }
        text
    }
}

fn vendor(
    name: &str,
    dialect: Dialect,
    first_token_ms: u64,
    token_interval_ms: u64,
    models: &[&str],
) -> VendorSpec {
    VendorSpec {
        api_key: Some(KEY.to_owned()),
        first_token_ms,
        token_interval_ms,
        answer: Answer::Known {
            answers: lesson::known(),
            otherwise: Box::new(Answer::Words { at_least: 25, at_most: 80 }),
        },
        ..VendorSpec::new(name, dialect, models)
    }
}
