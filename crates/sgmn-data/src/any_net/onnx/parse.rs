//! Reads a model from the bytes of its file, within limits of depth and counts.

use super::{
    model::{Attribute, Function, Graph, Model, Node, Size, ValueInfo},
    tensor::{self, Tensor},
    wire::{Field, Message, Parsed},
};

/// Graphs inside of graphs.
const MOST_DEPTH: usize = 16;
/// Nodes, tensors and attributes of a file together.
const MOST_PARTS: usize = 1 << 22;

/// Reads a model.
///
/// # Errors
/// A damaged file, with message and byte; nesting or counts beyond all nets.
pub(super) fn parse(file: &[u8]) -> Parsed<Model> {
    let mut reader = Reader { tensors: Vec::new(), parts: 0 };
    let mut message = Message::whole("ModelProto", file);
    let (mut model, mut graph, mut version) = (Model::default(), None, String::new());
    while let Some(field) = message.next()? {
        match field.number {
            2 => model.producer = field.text()?,
            3 => version = field.text()?,
            7 if graph.is_some() => return Err(field.fault("one graph")),
            7 => graph = Some(reader.graph(&field, 0)?),
            8 => model.opsets.push(opset(&field)?),
            25 => model.functions.push(reader.function(&field)?),
            _ => {}
        }
    }
    if !version.is_empty() {
        model.producer = format!("{} {version}", model.producer).trim().to_owned();
    }
    model.graph = graph.ok_or_else(|| message.fault(file.len(), "a graph", "no graph up to the end"))?;
    model.tensors = reader.tensors;
    Ok(model)
}

struct Reader {
    tensors: Vec<Tensor>,
    parts: usize,
}

impl Reader {
    fn graph(&mut self, field: &Field<'_>, depth: usize) -> Parsed<Graph> {
        if depth > MOST_DEPTH {
            return Err(field.fault(&format!("at most {MOST_DEPTH} graphs inside of each other")));
        }
        let mut message = field.message("GraphProto")?;
        let mut graph = Graph::default();
        while let Some(field) = message.next()? {
            match field.number {
                1 => graph.nodes.push(self.node(&field, depth)?),
                5 => graph.initializers.push(self.tensor(&field)?),
                11 => graph.inputs.push(value_info(&field)?),
                12 => graph.outputs.push(value_info(&field)?.name),
                15 => return Err(field.fault("no sparse tensors, which are not read")),
                _ => {}
            }
        }
        Ok(graph)
    }

    fn node(&mut self, field: &Field<'_>, depth: usize) -> Parsed<Node> {
        self.count(field)?;
        let mut message = field.message("NodeProto")?;
        let mut node = Node::default();
        while let Some(field) = message.next()? {
            match field.number {
                1 => node.inputs.push(field.text()?),
                2 => node.outputs.push(field.text()?),
                3 => node.name = field.text()?,
                4 => node.op = field.text()?,
                5 => node.attributes.push(self.attribute(&field, depth)?),
                7 => node.domain = field.text()?,
                _ => {}
            }
        }
        if node.domain == "ai.onnx" {
            node.domain.clear();
        }
        if node.op == "Constant" && node.domain.is_empty() {
            let value = node.attributes.iter().find(|(name, _)| name == "value");
            if let (Some((_, Attribute::Tensor(tensor))), Some(name)) = (value, node.outputs.first()) {
                self.tensors[*tensor].name.clone_from(name);
                self.tensors[*tensor].stands_alone = true;
            }
        }
        Ok(node)
    }

    fn attribute(&mut self, field: &Field<'_>, depth: usize) -> Parsed<(String, Attribute)> {
        self.count(field)?;
        let mut message = field.message("AttributeProto")?;
        let (mut name, mut kind, mut single) = (String::new(), None, None);
        let (mut ints, mut floats, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(field) = message.next()? {
            match field.number {
                1 => name = field.text()?,
                2 => single = Some(Attribute::Float(field.float()?)),
                3 => single = Some(Attribute::Int(field.int()?)),
                4 => {
                    // Bytes; those that are no text belong to no operator that is read here.
                    let text = field.text().map_or(Attribute::Other, Attribute::Text);
                    single = Some(text);
                }
                5 => {
                    let tensor = self.tensor(&field)?;
                    self.tensors[tensor].stands_alone = false;
                    single = Some(Attribute::Tensor(tensor));
                }
                6 => single = Some(Attribute::Graph(Box::new(self.graph(&field, depth + 1)?))),
                7 => floats.extend(tensor::floats(&message.file()[field.fixed(4)?])),
                8 => field.ints(&mut ints)?,
                9 => texts.push(field.text()?),
                20 => kind = Some(field.int()?),
                21 => single = Some(Attribute::Reference(field.text()?)),
                _ => {}
            }
        }
        let reference = matches!(single, Some(Attribute::Reference(ref name)) if !name.is_empty());
        let value = match (kind, single) {
            (_, Some(single)) if reference => single,
            (Some(6), _) => Attribute::Floats(floats),
            (Some(7), _) => Attribute::Ints(ints),
            (Some(8), _) => Attribute::Texts(texts),
            // Old files leave the kind out; a value that is the default of its type may be left out too.
            (_, Some(single)) => single,
            (Some(1), None) => Attribute::Float(0.0),
            (Some(2), None) => Attribute::Int(0),
            (Some(3), None) => Attribute::Text(String::new()),
            (None, None) if !floats.is_empty() => Attribute::Floats(floats),
            (None, None) if !ints.is_empty() => Attribute::Ints(ints),
            (None, None) if !texts.is_empty() => Attribute::Texts(texts),
            _ => Attribute::Other,
        };
        Ok((name, value))
    }

    fn tensor(&mut self, field: &Field<'_>) -> Parsed<usize> {
        self.count(field)?;
        self.tensors.push(tensor::parse(field)?);
        Ok(self.tensors.len() - 1)
    }

    fn function(&mut self, field: &Field<'_>) -> Parsed<Function> {
        self.count(field)?;
        let mut message = field.message("FunctionProto")?;
        let mut function = Function::default();
        while let Some(field) = message.next()? {
            match field.number {
                1 => function.name = field.text()?,
                4 => function.inputs.push(field.text()?),
                5 => function.outputs.push(field.text()?),
                7 => function.nodes.push(self.node(&field, 1)?),
                9 => function.opsets.push(opset(&field)?),
                10 => function.domain = field.text()?,
                11 => function.defaults.push(self.attribute(&field, 1)?),
                _ => {}
            }
        }
        Ok(function)
    }

    fn count(&mut self, field: &Field<'_>) -> Parsed<()> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(field.fault(&format!("at most {MOST_PARTS} nodes, attributes and tensors")));
        }
        Ok(())
    }
}

fn opset(field: &Field<'_>) -> Parsed<(String, i64)> {
    let mut message = field.message("OperatorSetIdProto")?;
    let (mut domain, mut version) = (String::new(), 0);
    while let Some(field) = message.next()? {
        match field.number {
            1 => domain = field.text()?,
            2 => version = field.int()?,
            _ => {}
        }
    }
    Ok((if domain == "ai.onnx" { String::new() } else { domain }, version))
}

fn value_info(field: &Field<'_>) -> Parsed<ValueInfo> {
    let mut message = field.message("ValueInfoProto")?;
    let mut info = ValueInfo::default();
    while let Some(field) = message.next()? {
        match field.number {
            1 => info.name = field.text()?,
            2 => {
                let mut message = field.message("TypeProto")?;
                while let Some(field) = message.next()? {
                    if field.number == 1 {
                        tensor_type(&field, &mut info)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(info)
}

fn tensor_type(field: &Field<'_>, info: &mut ValueInfo) -> Parsed<()> {
    let mut message = field.message("TypeProto.Tensor")?;
    while let Some(field) = message.next()? {
        match field.number {
            1 => info.element = field.int()?,
            2 => {
                let mut message = field.message("TensorShapeProto")?;
                let mut shape = Vec::new();
                while let Some(field) = message.next()? {
                    if field.number == 1 {
                        shape.push(size(&field)?);
                    }
                }
                info.shape = Some(shape);
            }
            _ => {}
        }
    }
    Ok(())
}

fn size(field: &Field<'_>) -> Parsed<Size> {
    let mut message = field.message("TensorShapeProto.Dimension")?;
    let mut size = Size::Open;
    while let Some(field) = message.next()? {
        match field.number {
            1 => size = usize::try_from(field.int()?).map_or(Size::Open, Size::Known),
            2 => {
                let name = field.text()?;
                size = if name.is_empty() || name == "?" { Size::Open } else { Size::Named(name) };
            }
            _ => {}
        }
    }
    Ok(size)
}
