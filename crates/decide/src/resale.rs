//! Under which name the catalog knows a model that a provider serves for the vendor who made it. Only
//! what is mechanical and has the maker's own list price; any other price is set by hand. Sources: the
//! model ids of Amazon Bedrock and Vertex AI, and the makers' price lists of 2026, which charge the same
//! there (a regional endpoint may cost a tenth more).

use crate::catalog::ModelRef;

/// Who serves the models of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reseller {
    /// Amazon Bedrock: `eu.anthropic.claude-opus-4-6-v1:0`.
    Bedrock,
    /// Google Vertex AI: `claude-opus-4-5@20251101`, `gemini-3-pro`, `google/gemini-3-pro`.
    Vertex,
    /// One who keeps this vendor's own names: Azure's deployments, a second account.
    Of(&'static str),
}

/// Before the maker's name on Bedrock: where a call may be worked on.
const BEDROCK_REGIONS: &[&str] = &["us-gov", "us", "eu", "apac", "jp", "au", "ca", "global"];

impl Reseller {
    /// The names under which the catalog may know a model, the most exact first.
    pub fn listed(&self, model: &str) -> Vec<ModelRef> {
        match self {
            Self::Of(vendor) => vec![reference(vendor, model)],
            Self::Bedrock => bedrock(model).map_or_else(Vec::new, anthropic),
            Self::Vertex => match model.split_once('/') {
                Some(("google", name)) => vec![reference("google", name)],
                Some(_) => Vec::new(),
                None if model.starts_with("gemini") => vec![reference("google", model)],
                None => vertex(model).map_or_else(Vec::new, |name| anthropic(&name)),
            },
        }
    }
}

/// The maker's name in an id, or in the address of a profile: without region, maker and version.
fn bedrock(id: &str) -> Option<&str> {
    let id = id.rsplit('/').next().unwrap_or(id);
    let id = match id.split_once('.') {
        Some((region, rest)) if BEDROCK_REGIONS.contains(&region) => rest,
        _ => id,
    };
    let name = id.strip_prefix("anthropic.")?;
    let version = name.rfind("-v").filter(|at| {
        let digits = name[at + 2..].split(':').next().unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    Some(version.map_or(name, |at| &name[..at]))
}

fn vertex(name: &str) -> Option<String> {
    let (model, version) = name.split_once('@').unwrap_or((name, ""));
    if !model.starts_with("claude") {
        return None;
    }
    let dated = version.len() == 8 && version.bytes().all(|byte| byte.is_ascii_digit());
    Some(if dated { format!("{model}-{version}") } else { model.to_owned() })
}

/// The name as it is, and without a date at its end.
fn anthropic(name: &str) -> Vec<ModelRef> {
    let mut names = vec![reference("anthropic", name)];
    if let Some((plain, date)) = name.rsplit_once('-')
        && date.len() == 8
        && date.bytes().all(|byte| byte.is_ascii_digit())
    {
        names.push(reference("anthropic", plain));
    }
    names
}

fn reference(provider: &str, model: &str) -> ModelRef {
    ModelRef { provider: provider.into(), model: model.into() }
}

#[cfg(test)]
mod tests {
    use super::Reseller;
    use crate::catalog::Catalog;

    fn check(reseller: &Reseller, model: &str, expect: &[&str]) {
        let listed = reseller.listed(model);
        let names: Vec<String> =
            listed.iter().map(|found| format!("{}/{}", found.provider, found.model)).collect();
        assert_eq!(names, expect, "{model}");
    }

    #[test]
    fn names_of_clouds_become_those_of_the_makers() {
        let bedrock = &Reseller::Bedrock;
        check(
            bedrock,
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            &["anthropic/claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"],
        );
        check(bedrock, "global.anthropic.claude-opus-4-6-v1", &["anthropic/claude-opus-4-6"]);
        check(bedrock, "anthropic.claude-fable-5", &["anthropic/claude-fable-5"]);
        let profile =
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-7-v1:0";
        check(bedrock, profile, &["anthropic/claude-opus-4-7"]);
        check(bedrock, "anthropic.claude-very-odd", &["anthropic/claude-very-odd"]);
        for other in ["amazon.nova-pro-v1:0", "us.meta.llama4", "arn:aws:x:y/abc", ""] {
            check(bedrock, other, &[]);
        }
        let vertex = &Reseller::Vertex;
        check(
            vertex,
            "claude-opus-4-5@20251101",
            &["anthropic/claude-opus-4-5-20251101", "anthropic/claude-opus-4-5"],
        );
        check(vertex, "claude-sonnet-4-6@default", &["anthropic/claude-sonnet-4-6"]);
        check(vertex, "google/gemini-2.5-pro", &["google/gemini-2.5-pro"]);
        check(vertex, "gemini-2.5-pro", &["google/gemini-2.5-pro"]);
        check(vertex, "meta/llama-4", &[]);
        check(&Reseller::Of("openai"), "gpt-5.5", &["openai/gpt-5.5"]);
    }

    #[test]
    fn the_catalog_knows_what_a_reseller_serves_but_does_not_list_it() {
        let catalog = Catalog::built_in().unwrap().with_reseller("cloud".into(), Reseller::Bedrock);
        let id = "us.anthropic.claude-opus-4-6-v1:0";
        let known = catalog.model("cloud", id).unwrap();
        assert_eq!(Some(known), catalog.model("anthropic", "claude-opus-4-6"));
        assert!(catalog.model("other", id).is_none());
        assert!(catalog.listed("cloud", id).is_none() && catalog.models_of("cloud").is_empty());
    }
}
