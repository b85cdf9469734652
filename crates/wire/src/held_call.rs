//! A tool call that is held back until its arguments are whole, so that one that breaks off can be told
//! anew as if it had never begun.

use crate::{
    canonical::event::Event,
    json::text::{Literal, Text},
};

/// A call that is not whole yet.
#[derive(Debug)]
pub(crate) struct HeldCall {
    call: usize,
    id: String,
    name: String,
    arguments: String,
}

impl HeldCall {
    /// Takes an event: what belongs to a call is held, and released as one piece before anything else is
    /// said. Counts and what cannot be said go past it; where the stream fails, it is dropped.
    pub(crate) fn pass(
        held: &mut Option<Box<Self>>,
        event: &Event<'_>,
        deliver: &mut dyn FnMut(&Event<'_>),
    ) {
        match (event, held.as_mut()) {
            (Event::ToolArguments { call, fragment }, Some(open)) if open.call == *call => {
                match fragment.decoded() {
                    Some(piece) => open.arguments.push_str(&piece),
                    // Not Unicode: passed on as it is, after what was held.
                    None => {
                        Self::release(held, deliver);
                        deliver(event);
                    }
                }
            }
            (Event::ToolStart { call, id, name }, _) => {
                Self::release(held, deliver);
                *held = Some(Box::new(Self {
                    call: *call,
                    id: id.to_string(),
                    name: name.to_string(),
                    arguments: String::new(),
                }));
            }
            // They may stand between two pieces of a call.
            (Event::Usage(_) | Event::Unsaid(_), _) => deliver(event),
            // A stream that fails does not make its open call whole.
            (Event::Failed(_), _) => {
                *held = None;
                deliver(event);
            }
            _ => {
                Self::release(held, deliver);
                deliver(event);
            }
        }
    }

    fn release(held: &mut Option<Box<Self>>, deliver: &mut dyn FnMut(&Event<'_>)) {
        let Some(open) = held.take() else { return };
        let (id, name) = (Text::from(open.id.as_str()), Text::from(open.name.as_str()));
        deliver(&Event::ToolStart { call: open.call, id, name });
        if !open.arguments.is_empty() {
            let fragment = Literal::from_plain(&open.arguments);
            deliver(&Event::ToolArguments { call: open.call, fragment });
        }
    }
}
