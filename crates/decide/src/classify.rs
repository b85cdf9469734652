//! Which kind of failure an upstream answer is. Decided once, from status and the body's code, type
//! and words; everything after this asks only for the [`Failure`].
//!
//! Sources: the vendors' error tables, and the recorded errors of real clients
//! (`reference/gateways.md`, 2.1; `reference/reliability.md`, 3.3).

use terms::outcome::Failure;

/// What an upstream said with a status outside 2xx, or in an error event of a stream.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    /// HTTP status; 200 for an error event inside a stream.
    pub status: u16,
    /// The body's error type, as the dialect calls it.
    pub kind: Option<&'a str>,
    /// The body's error code.
    pub code: Option<&'a str>,
    /// The body's sentence.
    pub message: &'a str,
}

/// The kind of failure that `said` is.
pub fn classify(said: &Said<'_>) -> Failure {
    let words = Words { said, message: said.message.to_ascii_lowercase() };
    match said.status {
        400 | 413 | 422 => caller_fault_or_better(&words),
        401..=403 => credential_or_refusal(&words),
        404 | 410 => gone_or_fault(&words),
        // 424: Bedrock's word for a model that failed while it worked.
        408 | 409 | 424 | 425 => Failure::Transient,
        429 => limited_or_broke(&words),
        529 => Failure::RateLimited,
        200..=299 => in_band(&words),
        400..=499 => Failure::CallerFault,
        // 5xx, and redirects, which an API never means.
        _ => Failure::Transient,
    }
}

/// Whether a refusal is one of the reasoning of earlier turns: another provider, or another account,
/// sealed it, or the provider does not know it. The same request without any may do.
///
/// Sources: openai/codex issues 3573 and 8100, can1357/oh-my-pi pull requests 333 and 10486,
/// alphaXiv/agents pull request 61, pydantic/pydantic-ai issue 3757, karthink/gptel issue 774,
/// charmbracelet/crush issue 1590.
pub fn refuses_reasoning(said: &Said<'_>) -> bool {
    Words { said, message: said.message.to_ascii_lowercase() }.refuses_reasoning()
}

struct Words<'a> {
    said: &'a Said<'a>,
    message: String,
}

impl Words<'_> {
    fn is(&self, words: &[&str]) -> bool {
        [self.said.code, self.said.kind].into_iter().flatten().any(|word| words.contains(&word))
    }

    fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.message.contains(phrase))
    }

    fn refuses_reasoning(&self) -> bool {
        const REFUSED: &[&str] =
            &["is unsupported", "not permitted", "extra_forbidden", "messages["];
        let both = |one: &str, others: &[&str]| self.message.contains(one) && self.says(others);
        self.is(&["invalid_encrypted_content"])
            || both("encrypted content", &["could not be", "did not match"])
            || both("thinking", &["signature", "expected `thinking`", "must start with a thinking"])
            || self.says(&["thought signature", "thought_signature", "thoughtsignature"])
            || both("reasoning_content", REFUSED)
            || both("reasoning_details", REFUSED)
            || both("'reasoning'", REFUSED)
            || both("'reasoning' item", &["without its required", "required following"])
            || both("'rs_", &["not found"])
    }

    fn context_overflow(&self) -> bool {
        self.is(&["context_length_exceeded", "string_above_max_length"])
            || self.says(&[
                "prompt is too long",
                "maximum context length",
                "context window",
                "context length",
                "exceed context limit",
                "input is too long",
            ])
    }

    fn model_gone(&self) -> bool {
        self.is(&["model_not_found", "model_deprecated", "deprecated_model", "DeploymentNotFound"])
            || (self.message.contains("model")
                && self.says(&[
                    "does not exist",
                    "not found",
                    "has been deprecated",
                    "has been retired",
                    "no longer available",
                    "is not supported",
                    "decommissioned",
                    "model identifier is invalid",
                    "on-demand throughput isn",
                    "access to the model",
                    "end of its life",
                ]))
            || self.message.starts_with("model:")
    }

    fn policy_refusal(&self) -> bool {
        self.is(&[
            "content_policy_violation",
            "content_filter",
            "refusal",
            "invalid_prompt",
            "cyber_policy",
            "ResponsibleAIPolicyViolation",
        ]) || self.says(&[
            "content policy",
            "content management policy",
            "usage policies",
            "safety system",
        ])
    }

    fn out_of_funds(&self) -> bool {
        self.is(&[
            "insufficient_quota",
            "billing_error",
            "billing_hard_limit_reached",
            "billing_not_active",
        ]) || self.says(&[
            "credit balance is too low",
            "exceeded your current quota",
            "insufficient balance",
        ])
    }
}

fn caller_fault_or_better(words: &Words<'_>) -> Failure {
    if words.context_overflow() {
        Failure::ContextOverflow
    } else if words.policy_refusal() {
        Failure::PolicyRefusal
    } else if words.out_of_funds() || words.is(&["invalid_api_key"]) {
        Failure::CredentialDead
    } else if words.is(&["model_not_found", "model_deprecated"])
        // Bedrock says so with 400.
        || words.says(&["model identifier is invalid", "on-demand throughput isn"])
    {
        Failure::ModelGone
    } else {
        Failure::CallerFault
    }
}

fn credential_or_refusal(words: &Words<'_>) -> Failure {
    if words.policy_refusal() {
        Failure::PolicyRefusal
    } else if words.said.status == 403 && words.model_gone() {
        // A key without access to a model is told that the model does not exist.
        Failure::ModelGone
    } else {
        Failure::CredentialDead
    }
}

fn gone_or_fault(words: &Words<'_>) -> Failure {
    if words.refuses_reasoning() {
        // OpenAI looks for an item that it does not keep.
        Failure::CallerFault
    } else if words.said.status == 410 || words.model_gone() || words.is(&["not_found_error"]) {
        Failure::ModelGone
    } else {
        // An unknown path: this target cannot answer, another may.
        Failure::Transient
    }
}

fn limited_or_broke(words: &Words<'_>) -> Failure {
    if words.out_of_funds() { Failure::CredentialDead } else { Failure::RateLimited }
}

/// An error object inside a 200: the type or code is all there is.
fn in_band(words: &Words<'_>) -> Failure {
    if words.context_overflow() {
        Failure::ContextOverflow
    } else if words.policy_refusal() {
        Failure::PolicyRefusal
    } else if words.out_of_funds()
        || words.is(&[
            "authentication_error",
            "permission_error",
            "invalid_api_key",
            "accessDeniedException",
        ])
    {
        Failure::CredentialDead
    } else if words.is(&[
        "overloaded_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "throttlingException",
        "serviceQuotaExceededException",
    ]) {
        Failure::RateLimited
    } else if words.is(&["model_not_found", "not_found_error"]) {
        Failure::ModelGone
    } else if words.is(&["invalid_request_error", "validationException"]) {
        Failure::CallerFault
    } else {
        Failure::Transient
    }
}

#[cfg(test)]
mod tests {
    use terms::outcome::Failure;

    use super::{Said, classify, refuses_reasoning};

    fn check(status: u16, kind: &str, code: &str, message: &str, expect: Failure) {
        let some = |text: &'static str| (!text.is_empty()).then_some(text);
        let (kind, code) = (some(leak(kind)), some(leak(code)));
        let said = Said { status, kind, code, message };
        assert_eq!(classify(&said), expect, "{status} {kind:?} {code:?} {message}");
    }

    #[test]
    fn a_refusal_of_earlier_reasoning_is_known_by_its_words() {
        let refuses =
            |code, message| refuses_reasoning(&Said { status: 400, kind: None, code, message });
        for said in [
            "The encrypted content gAAA...OA== could not be verified.",
            "messages.1.content.0: Invalid `signature` in `thinking` block",
            "messages.369.content.0.thinking.signature: Field required",
            "messages.15.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`.",
            "Corrupted thought signature.",
            "Function call is missing a thought_signature in functionCall parts.",
            "'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' : property 'reasoning' is unsupported, did you mean 'role'?)]",
            "messages.2.assistant.reasoning_content: property 'messages.2.assistant.reasoning_content' is unsupported",
            "Item 'fc_1' of type 'function_call' was provided without its required 'reasoning' item: 'rs_1'.",
            "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.",
        ] {
            assert!(refuses(None, said), "{said}");
        }
        assert!(refuses(Some("invalid_encrypted_content"), ""));
        let lost =
            "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.";
        check(404, "invalid_request_error", "", lost, Failure::CallerFault);
        for said in [
            "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model.",
            "`max_tokens` must be greater than `thinking.budget_tokens`.",
            "The `reasoning_content` in the thinking mode must be passed back to the API.",
            "Unknown parameter: 'reasoning'.",
            "model: claude-fable-5",
            "",
        ] {
            assert!(!refuses(None, said), "{said}");
        }
    }

    fn leak(text: &str) -> &'static str {
        Box::leak(text.to_owned().into_boxed_str())
    }

    #[test]
    fn vendors_errors_fall_into_their_classes() {
        use Failure::{
            CallerFault, ContextOverflow, CredentialDead, ModelGone, PolicyRefusal, RateLimited,
            Transient,
        };
        check(404, "not_found_error", "", "model: claude-fable-5", ModelGone);
        check(
            404,
            "invalid_request_error",
            "model_not_found",
            "The model `gpt-9` does not exist or you do not have access to it.",
            ModelGone,
        );
        check(410, "", "", "gone", ModelGone);
        check(404, "", "", "<html>nginx", Transient);
        check(
            400,
            "invalid_request_error",
            "context_length_exceeded",
            "This model's maximum context length is 128000 tokens.",
            ContextOverflow,
        );
        check(
            400,
            "invalid_request_error",
            "",
            "prompt is too long: 210000 tokens > 200000 maximum",
            ContextOverflow,
        );
        check(413, "request_too_large", "", "Request exceeds the maximum size", CallerFault);
        check(
            400,
            "invalid_request_error",
            "content_policy_violation",
            "Your request was rejected",
            PolicyRefusal,
        );
        check(
            400,
            "invalid_request_error",
            "",
            "Your credit balance is too low to access the Anthropic API.",
            CredentialDead,
        );
        check(400, "invalid_request_error", "", "messages: field required", CallerFault);
        check(401, "authentication_error", "", "invalid x-api-key", CredentialDead);
        check(402, "billing_error", "", "", CredentialDead);
        check(403, "permission_error", "", "Your API key does not have permission", CredentialDead);
        check(
            429,
            "insufficient_quota",
            "insufficient_quota",
            "You exceeded your current quota",
            CredentialDead,
        );
        check(429, "rate_limit_error", "", "slow down", RateLimited);
        check(529, "overloaded_error", "", "Overloaded", RateLimited);
        check(500, "", "", "", Transient);
        check(200, "overloaded_error", "", "Overloaded", RateLimited);
        check(200, "server_error", "", "The server had an error", Transient);
        check(418, "", "", "", CallerFault);
        // Azure and Bedrock, as recorded.
        let azure = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.";
        check(400, "", "content_filter", azure, PolicyRefusal);
        check(404, "", "DeploymentNotFound", "The API deployment does not exist.", ModelGone);
        check(400, "", "", "The provided model identifier is invalid.", ModelGone);
        check(
            400,
            "ValidationException",
            "",
            "Invocation of model ID x with on-demand throughput isn\u{2019}t supported.",
            ModelGone,
        );
        check(
            403,
            "AccessDeniedException",
            "",
            "You don't have access to the model with the specified model ID.",
            ModelGone,
        );
        check(
            403,
            "UnrecognizedClientException",
            "",
            "The security token is invalid.",
            CredentialDead,
        );
        check(429, "ThrottlingException", "", "Too many requests", RateLimited);
        check(424, "ModelErrorException", "", "the model failed", Transient);
        check(200, "throttlingException", "", "Too many requests", RateLimited);
        check(200, "validationException", "", "malformed input", CallerFault);
        check(200, "modelStreamErrorException", "", "it broke", Transient);
    }
}
