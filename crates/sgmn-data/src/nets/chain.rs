//! The layers of a net in their order, each with the norms that stand behind it.

use super::{
    options::{LayerOrder, NetOptions},
    order::{self, Link, Orders},
    parts::{Kind, Part, Parts, Role},
    unsaid::Unsaid,
};

/// One layer: an affine map and the batch norms that are to be folded into it.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// The affine map.
    pub(super) part: Part,
    /// Batch norms directly behind it.
    pub(super) norms: Vec<Part>,
}

/// Why tensors form no chain, in words.
pub(super) type Fault = (String, String);

/// Layers at most.
const MOST_LAYERS: usize = 2048;

/// Second names that are tried at most, since each may take a search.
const MOST_DOUBLES: usize = 16;

/// The layers of a net, first to last as far as that is certain; what is not is added to `unsaid`.
///
/// # Errors
/// What was expected and found, if the parts form no chain of affine maps, or an order names other layers.
pub(super) fn layers(
    parts: Parts,
    options: &NetOptions,
    order: Option<&LayerOrder>,
    as_built: bool,
    unsaid: &mut Vec<Unsaid>,
    notes: &mut Vec<String>,
) -> Result<Vec<Layer>, Fault> {
    let (mut affine, mut norms) = (Vec::new(), Vec::new());
    let (mut strange, mut other_norms) = (parts.others, Vec::new());
    for (at, part) in parts.parts.into_iter().enumerate() {
        match part.kind() {
            Ok(Kind::Affine) => affine.push((at, part)),
            Ok(Kind::BatchNorm) => norms.push((at, part)),
            Ok(Kind::Norm) => other_norms.push(part.name),
            Err(why) => strange.push(why),
        }
    }
    if affine.is_empty() {
        return Err(("at least one weight of two axes or more".into(), shortened(&strange)));
    }
    if affine.len() > MOST_LAYERS {
        return Err((format!("at most {MOST_LAYERS} layers"), affine.len().to_string()));
    }
    if !strange.is_empty() {
        let what = format!("what these are to a chain of layers: {}", shortened(&strange));
        unsaid.push(Unsaid::new(
            what,
            "--architecture FILE.toml to describe the net, or --ignore PATTERN to leave them out",
        ));
    }
    if !other_norms.is_empty() {
        let what = format!(
            "what norms without statistics, such as layer norms, do in a chain of layers: {}",
            shortened(&other_norms)
        );
        unsaid.push(Unsaid::new(what, "--architecture FILE.toml to describe the net"));
    }
    let norms = placed(&affine, norms, as_built, unsaid);
    let mut layers: Vec<Layer> =
        affine.into_iter().map(|(_, part)| Layer { part, norms: Vec::new() }).collect();
    for (at, norm) in norms {
        layers[at].norms.push(norm);
    }
    ask_for_folding(&layers, options, unsaid);
    let mut links = layers.iter().map(link).collect::<Result<Vec<_>, _>>()?;
    if order.is_none()
        && let Some(double) = second_name(&layers, &links, as_built)
    {
        notes.push(format!(
            "{} is a second name of another layer and is left out",
            layers.remove(double).part.name
        ));
        links.remove(double);
    }
    let order = order_of(&links, order, as_built, unsaid)?;
    let mut slots: Vec<Option<Layer>> = layers.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|at| slots[at].take()).collect())
}

/// A layer that is only a second name of another, as where a module is kept twice: with it the layers form no chain,
/// without it they do. A layer that is read twice, with tied weights, stays in the chain twice.
fn second_name(layers: &[Layer], links: &[Link], as_built: bool) -> Option<usize> {
    if order::orders(links, as_built) != Orders::None {
        return None;
    }
    // Of two names the one that stands alone is the second: `a` beside `net.0`, `net.1`.
    let siblings =
        |at: usize| (0..links.len()).filter(|&b| order::are_counted(&links[at], &links[b])).count();
    let is_double = |&at: &usize| {
        layers.iter().enumerate().any(|(b, other)| b != at && other.part.is_same(&layers[at].part))
    };
    let mut doubles: Vec<usize> = (0..layers.len()).filter(is_double).collect();
    doubles.sort_by_key(|&at| siblings(at));
    doubles.into_iter().take(MOST_DOUBLES).find(|&double| {
        let mut rest = links.to_vec();
        rest.remove(double);
        order::orders(&rest, as_built) != Orders::None
    })
}

/// For each batch norm the map directly before it; those whose map is not certain are asked about.
fn placed(
    affine: &[(usize, Part)],
    norms: Vec<(usize, Part)>,
    as_built: bool,
    unsaid: &mut Vec<Unsaid>,
) -> Vec<(usize, Part)> {
    let mut found = Vec::new();
    for (at, norm) in norms {
        let fits = |part: &Part| part.weight_shape().first() == Some(&norm.norm_width());
        let by_number =
            predecessor(&norm.name).map(|name| affine.iter().position(|(_, part)| part.name == name));
        let map = match by_number {
            // In a sequence the numbers tell what stands directly before; a missing one is an activation.
            Some(by_number) => by_number,
            None => twin(affine, &norm.name)
                .or_else(|| affine.iter().rposition(|(place, _)| as_built && *place < at)),
        };
        match map.filter(|map| fits(&affine[*map].1)) {
            Some(map) => found.push((map, norm)),
            None => unsaid.push(Unsaid::new(
                format!("which map the batch norm {:?} stands directly behind", norm.name),
                "--architecture FILE.toml to describe the net",
            )),
        }
    }
    found
}

/// `features.3` for `features.4`: the number before, if the name ends in one.
fn predecessor(name: &str) -> Option<String> {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (start, number) = name.split_at(name.len() - digits);
    let number: u64 = number.parse().ok()?;
    (start.is_empty() || start.ends_with('.')).then(|| Some(format!("{start}{}", number.checked_sub(1)?)))?
}

/// The map whose name has the numbers and the folder of the norm's, if it is the only one: `conv2` for `bn2`.
fn twin(affine: &[(usize, Part)], norm: &str) -> Option<usize> {
    let key = |name: &str| {
        let (folder, last) = name.rsplit_once('.').unwrap_or(("", name));
        let digits: String = last.chars().filter(char::is_ascii_digit).collect();
        (folder.to_owned(), digits)
    };
    let mut twins = affine.iter().enumerate().filter(|(_, (_, part))| key(&part.name) == key(norm));
    let (first, second) = (twins.next(), twins.next());
    second.is_none().then_some(first?.0)
}

fn ask_for_folding(layers: &[Layer], options: &NetOptions, unsaid: &mut Vec<Unsaid>) {
    let normed: Vec<&str> =
        layers.iter().filter(|layer| !layer.norms.is_empty()).map(|layer| layer.part.name.as_str()).collect();
    let computed: Vec<&str> = layers
        .iter()
        .filter(|layer| layer.part.is_reparametrized())
        .map(|layer| layer.part.name.as_str())
        .collect();
    let has_norms = !normed.is_empty() || !computed.is_empty();
    if has_norms && !options.fold {
        let what = format!(
            "whether the norms of {} are to be folded into their maps",
            [normed.clone(), computed].concat().join(", ")
        );
        unsaid.push(Unsaid::new(what, "--fold, or --architecture FILE.toml to read them as what they are"));
    }
    if !normed.is_empty() && options.epsilon.is_none() {
        let what = "the ε of its batch norms (PyTorch's is 1e-5, Keras's 1e-3, if nobody changed it)";
        unsaid.push(Unsaid::new(what, "--epsilon NUMBER"));
    }
}

fn link(layer: &Layer) -> Result<Link, Fault> {
    let shape = layer.part.weight_shape();
    let name = layer.part.name.clone();
    if shape.len() > 4 || shape.contains(&0) {
        return Err((format!("{name}.weight of two to four axes, none of them 0"), format!("{shape:?}")));
    }
    if let Some(bias) = layer.part.tensor(Role::Bias)
        && bias.shape.iter().product::<usize>() != shape[0]
    {
        return Err((format!("{name}.bias of shape [{}]", shape[0]), format!("{:?}", bias.shape)));
    }
    Ok(Link { name, n_in: shape[1], n_out: shape[0], is_convolution: shape.len() > 2 })
}

fn order_of(
    links: &[Link],
    said: Option<&LayerOrder>,
    as_built: bool,
    unsaid: &mut Vec<Unsaid>,
) -> Result<Vec<usize>, Fault> {
    let names = |order: &[usize]| order.iter().map(|&i| links[i].name.as_str()).collect::<Vec<_>>().join(",");
    let said = match said {
        None => None,
        Some(LayerOrder::File) => Some((0..links.len()).collect()),
        Some(LayerOrder::Names) => Some(order::by_name(links)),
        Some(LayerOrder::Listed(listed)) => {
            let place = |name: &String| links.iter().position(|link| link.name == *name);
            let order: Vec<usize> = listed.iter().filter_map(place).collect();
            let mut seen = order.clone();
            seen.sort_unstable();
            seen.dedup();
            if seen.len() != links.len() || listed.len() != links.len() {
                let expected = format!("an order of the layers {}", names(&order::by_name(links)));
                return Err((expected, listed.join(",")));
            }
            Some(order)
        }
    };
    if let Some(order) = said {
        return if order::is_chain(links, &order) { Ok(order) } else { Err(no_chain(links, &order)) };
    }
    match order::orders(links, as_built) {
        Orders::One(order) => Ok(order),
        Orders::Several(found) => {
            let shown: Vec<String> = found.iter().map(|order| names(order)).collect();
            let what = format!("the order of its layers: {}", shown.join(" or "));
            unsaid.push(Unsaid::new(what, "--order NAME,NAME,…; --order file or --order names"));
            Ok(found.into_iter().next().unwrap_or_else(|| order::by_name(links)))
        }
        Orders::None => Err(no_chain(links, &order::by_name(links))),
    }
}

fn no_chain(links: &[Link], order: &[usize]) -> Fault {
    let shown: Vec<String> =
        order.iter().map(|&i| format!("{} [{}, {}]", links[i].name, links[i].n_out, links[i].n_in)).collect();
    let expected = "layers that read one another, a chain; --architecture FILE.toml describes any other net";
    (expected.to_owned(), shortened(&shown))
}

/// Some names of many.
fn shortened(names: &[String]) -> String {
    const MOST: usize = 8;
    let shown = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_before_is_the_place_before() {
        assert_eq!(predecessor("4"), Some("3".into()));
        assert_eq!(predecessor("features.10"), Some("features.9".into()));
        assert_eq!(predecessor("bn1"), None, "a number inside a word counts something else");
        assert_eq!(predecessor("net.0"), None);
    }
}
