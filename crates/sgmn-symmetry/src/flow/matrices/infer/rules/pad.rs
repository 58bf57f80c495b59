//! A constant around a value: zeros are no coordinates along a tag's axes, and new places elsewhere.

use sgmn_graph::flow::{Pad, Step};

use super::{
    super::tag::{Form, MarkMap},
    Inference, Tag,
};

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step, op: &Pad) -> Vec<Tag> {
    let flow = inference.flow;
    let (shape, new_shape) = (flow.shape(step.from[0]), flow.shape(step.to));
    let grows: Vec<bool> = op.amounts.iter().map(|(before, after)| before + after > 0).collect();
    let mut padded = Vec::new();
    for tag in inference.of(step.from[0]) {
        if op.value != 0.0 {
            inference.fix(&tag);
            continue;
        }
        let operation = format!("{op:?} of {shape:?}");
        let mut through = MarkMap::new(&mut inference.marks, |marks, mark| {
            if !(0..shape.len()).any(|axis| grows[axis] && marks.differs_along(mark, axis)) {
                return mark;
            }
            let axes: Vec<bool> = (0..shape.len()).map(|axis| marks.differs_along(mark, axis)).collect();
            marks.through(mark, &operation, &axes)
        });
        let mut old = vec![0; shape.len()];
        let found = Tag::build(tag.axes.clone(), tag.unit, new_shape, |index| {
            for (axis, i) in tag.axes.iter().zip(index) {
                match i.checked_sub(op.amounts[*axis].0).filter(|i| *i < shape[*axis]) {
                    Some(i) => old[*axis] = i,
                    None => return Form::zero(),
                }
            }
            through.form(tag.form(shape, &old))
        });
        match found {
            Some(found) => padded.push(found),
            None => inference.fix(&tag),
        }
    }
    padded
}
