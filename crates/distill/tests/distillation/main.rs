//! Whole distillations through the public face, with a teacher that answers on a loopback socket.

mod banking77;
mod small;
mod teacher;
