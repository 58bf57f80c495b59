//! Small ONNX models made by hand: just enough protobuf to write what no exporter would.

use std::path::PathBuf;

use tempfile::TempDir;

/// A model in the making.
pub(super) struct Model {
    opset: i64,
    graph: Vec<u8>,
    functions: Vec<u8>,
}

/// A model in a folder of its own.
pub(super) struct ModelFile {
    pub(super) folder: TempDir,
    pub(super) path: PathBuf,
}

pub(super) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field of bytes.
pub(super) fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A field of a whole number.
pub(super) fn number(number: u64, value: i64) -> Vec<u8> {
    [varint(number << 3), varint(value.cast_unsigned())].concat()
}

fn texts(number: u64, texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| field(number, text.as_bytes())).collect()
}

pub(super) fn node(op: &str, inputs: &[&str], outputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    call("", op, inputs, outputs, attributes)
}

pub(super) fn call(
    domain: &str,
    op: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[Vec<u8>],
) -> Vec<u8> {
    let attributes: Vec<u8> = attributes.iter().flat_map(|attribute| field(5, attribute)).collect();
    let domain = if domain.is_empty() { Vec::new() } else { field(7, domain.as_bytes()) };
    [texts(1, inputs), texts(2, outputs), field(4, op.as_bytes()), attributes, domain].concat()
}

pub(super) fn int(name: &str, value: i64) -> Vec<u8> {
    [field(1, name.as_bytes()), number(3, value), number(20, 2)].concat()
}

pub(super) fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| number(8, *value)).collect();
    [field(1, name.as_bytes()), values, number(20, 7)].concat()
}

pub(super) fn float(name: &str, value: f32) -> Vec<u8> {
    [field(1, name.as_bytes()), vec![2 << 3 | 5], value.to_le_bytes().to_vec(), number(20, 1)].concat()
}

pub(super) fn text(name: &str, value: &str) -> Vec<u8> {
    [field(1, name.as_bytes()), field(4, value.as_bytes()), number(20, 3)].concat()
}

pub(super) fn subgraph(name: &str, graph: &[u8]) -> Vec<u8> {
    [field(1, name.as_bytes()), field(6, graph), number(20, 5)].concat()
}

pub(super) fn reference(name: &str, to: &str) -> Vec<u8> {
    [field(1, name.as_bytes()), field(21, to.as_bytes()), number(20, 1)].concat()
}

/// A tensor of a type (ONNX's number), with its payload as fields.
pub(super) fn tensor(name: &str, dims: &[i64], kind: i64, payload: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|size| number(1, *size)).collect();
    [dims, number(2, kind), field(8, name.as_bytes()), payload.to_vec()].concat()
}

pub(super) fn floats(name: &str, dims: &[i64], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, dims, 1, &field(9, &raw))
}

pub(super) fn whole(name: &str, dims: &[i64], values: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, dims, 7, &field(9, &raw))
}

fn value(name: &str, element: i64, dims: &[Vec<u8>]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|size| field(1, size)).collect();
    let kind = [number(1, element), field(2, &dims)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &kind))].concat()
}

pub(super) fn graph(nodes: &[Vec<u8>], tensors: &[Vec<u8>], inputs: &[Vec<u8>], outputs: &[&str]) -> Vec<u8> {
    let all = |number: u64, parts: &[Vec<u8>]| {
        parts.iter().flat_map(|part| field(number, part)).collect::<Vec<u8>>()
    };
    let outputs: Vec<Vec<u8>> = outputs.iter().map(|name| value(name, 1, &[])).collect();
    [all(1, nodes), all(5, tensors), all(11, inputs), all(12, &outputs)].concat()
}

impl Model {
    pub(super) fn new(opset: i64) -> Self {
        Self { opset, graph: Vec::new(), functions: Vec::new() }
    }

    pub(super) fn node(&mut self, node: Vec<u8>) -> &mut Self {
        self.graph.extend(field(1, &node));
        self
    }

    pub(super) fn tensor(&mut self, tensor: Vec<u8>) -> &mut Self {
        self.graph.extend(field(5, &tensor));
        self
    }

    fn any_input(&mut self, name: &str, element: i64, open: &[&str], dims: &[i64]) -> &mut Self {
        let named = open.iter().map(|name| field(2, name.as_bytes()));
        let dims: Vec<Vec<u8>> = named.chain(dims.iter().map(|size| number(1, *size))).collect();
        self.graph.extend(field(11, &value(name, element, &dims)));
        self
    }

    pub(super) fn input(&mut self, name: &str, dims: &[i64]) -> &mut Self {
        self.any_input(name, 1, &[], dims)
    }

    pub(super) fn whole_input(&mut self, name: &str, dims: &[i64]) -> &mut Self {
        self.any_input(name, 7, &[], dims)
    }

    /// An input whose first sizes have names.
    pub(super) fn open_input(&mut self, name: &str, open: &[&str], dims: &[i64]) -> &mut Self {
        self.any_input(name, 1, open, dims)
    }

    pub(super) fn output(&mut self, name: &str) -> &mut Self {
        self.graph.extend(field(12, &value(name, 1, &[])));
        self
    }

    pub(super) fn function(
        &mut self,
        domain: &str,
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[&str],
        nodes: &[Vec<u8>],
    ) -> &mut Self {
        let nodes: Vec<u8> = nodes.iter().flat_map(|node| field(7, node)).collect();
        let names = [texts(4, inputs), texts(5, outputs), texts(6, attributes)].concat();
        let opset = field(9, &number(2, self.opset));
        let function =
            [field(1, name.as_bytes()), names, nodes, opset, field(10, domain.as_bytes())].concat();
        self.functions.extend(field(25, &function));
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let opset = number(2, self.opset);
        [number(1, 8), field(7, &self.graph), field(8, &opset), self.functions.clone()].concat()
    }

    pub(super) fn file(&self) -> ModelFile {
        ModelFile::of(&self.bytes())
    }
}

impl ModelFile {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, bytes).unwrap();
        Self { folder, path }
    }
}
