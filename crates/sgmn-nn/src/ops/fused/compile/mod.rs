//! What was noted down, put in order: expressions become programs. Nothing is computed here.

mod operands;
mod order;
mod param;
mod plan;
mod program;

pub(super) use operands::Operands;
pub(super) use param::{Param, Sink};
pub(super) use plan::Plan;
pub(super) use program::{NodeOperand, NodePlace, NodeRows, Out, Program, Step, Sum};
