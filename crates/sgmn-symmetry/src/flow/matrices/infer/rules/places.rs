//! Some places of an axis, in any order: forms are picked along a tag's axes; elsewhere other places are other vectors.

use sgmn_graph::flow::Step;

use super::{super::tag::MarkMap, Inference, Tag};

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step, axis: usize, places: &[usize]) -> Vec<Tag> {
    let flow = inference.flow;
    let (shape, new_shape) = (flow.shape(step.from[0]), flow.shape(step.to));
    let mut picked = Vec::new();
    for tag in inference.of(step.from[0]) {
        if tag.axes.contains(&axis) {
            let at = tag.axes.iter().position(|a| *a == axis).expect("it is among them");
            let mut old = vec![0; shape.len()];
            let found = Tag::build(tag.axes.clone(), tag.unit, new_shape, |index| {
                for (axis, i) in tag.axes.iter().zip(index) {
                    old[*axis] = *i;
                }
                old[axis] = places[index[at]];
                tag.form(shape, &old).clone()
            });
            match found {
                Some(found) => picked.push(found.reduced(new_shape)),
                None => inference.fix(&tag),
            }
        } else {
            let operation = format!("{:?} of {shape:?}", step.op);
            let mut through = MarkMap::new(&mut inference.marks, |marks, mark| {
                if !marks.differs_along(mark, axis) {
                    return mark;
                }
                let axes: Vec<bool> = (0..shape.len()).map(|axis| marks.differs_along(mark, axis)).collect();
                marks.through(mark, &operation, &axes)
            });
            let forms = tag.forms.iter().map(|form| through.form(form)).collect();
            picked.push(Tag { forms, ..tag });
        }
    }
    picked
}
