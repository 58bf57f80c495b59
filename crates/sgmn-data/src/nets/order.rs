//! The order of layers: as they stand in the file, as their names count, and as their shapes allow.
//!
//! A guess would give another net, so an order is taken only if it is the only one that fits: names whose numbers count
//! the layers are never read against their numbers, words such as `last` break ties, and shapes must form a chain.

use std::cmp::Ordering;

use super::names::{self, Name};

/// What is known of a layer before its place is.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Its name.
    pub(super) name: String,
    /// Units or channels that it reads.
    pub(super) n_in: usize,
    /// Units or channels that it writes.
    pub(super) n_out: usize,
    /// Whether it is a convolution.
    pub(super) is_convolution: bool,
}

/// The orders that fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Orders {
    /// The only one.
    One(Vec<usize>),
    /// Some of several, or of more than could be tried.
    Several(Vec<Vec<usize>>),
    /// The layers form no chain in any order that was tried.
    None,
}

/// Orders shown to a person at most.
const MOST_SHOWN: usize = 3;
/// Layers tried in a search at most; a net of `n` layers whose names count them takes `n²`.
const MOST_STEPS: usize = 1 << 23;

/// All orders of layers that fit.
///
/// `as_built`: the layers stand in the file in the order in which their net was built, as PyTorch writes them.
pub(super) fn orders(links: &[Link], as_built: bool) -> Orders {
    let named: Vec<Name> = links.iter().map(|link| Name::new(&link.name)).collect();
    let by_number = |a: usize, b: usize| named[a].by_number(&named[b]);
    let by_both =
        |a: usize, b: usize| by_number(a, b).or_else(|| names::by_word(&links[a].name, &links[b].name));
    let in_file: Vec<usize> = (0..links.len()).collect();
    // Layers that stand in the order of the alphabet were sorted by a program and tell nothing of how the net was built.
    let is_sorted = links.windows(2).all(|pair| pair[0].name < pair[1].name);
    let built = (as_built && is_chain(links, &in_file)).then_some(in_file);
    if let Some(built) = &built
        && agrees(built, &by_both)
    {
        return Orders::One(built.clone());
    }
    let (mut found, mut complete) = search(links, &by_both);
    if found.is_empty() {
        (found, complete) = search(links, &by_number);
    }
    if let Some(built) = built.filter(|_| !is_sorted || found.is_empty())
        && !found.contains(&built)
    {
        found.insert(0, built);
    }
    match found.len() {
        0 => Orders::None,
        1 if complete => Orders::One(found.remove(0)),
        _ => {
            found.truncate(MOST_SHOWN);
            Orders::Several(found)
        }
    }
}

/// Whether the names of two layers count them: whether they first differ in a number.
pub(super) fn are_counted(a: &Link, b: &Link) -> bool {
    Name::new(&a.name).by_number(&Name::new(&b.name)).is_some()
}

/// Layers by their names, numbers by value.
pub(super) fn by_name(links: &[Link]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..links.len()).collect();
    order.sort_by_key(|&i| Name::new(&links[i].name));
    order
}

/// Whether each layer reads what the one before it writes.
pub(super) fn is_chain(links: &[Link], order: &[usize]) -> bool {
    order.windows(2).all(|pair| follows(&links[pair[0]], &links[pair[1]]))
}

/// Whether a layer can read what another writes; a dense layer may read all places of a channel.
fn follows(before: &Link, after: &Link) -> bool {
    match (before.is_convolution, after.is_convolution) {
        (true, false) => after.n_in.is_multiple_of(before.n_out),
        (false, true) => false,
        _ => before.n_out == after.n_in,
    }
}

/// Whether no two layers stand against a rule.
fn agrees(order: &[usize], rule: &dyn Fn(usize, usize) -> Option<Ordering>) -> bool {
    let against =
        |(at, &b): (usize, &usize)| order[..at].iter().any(|&a| rule(a, b) == Some(Ordering::Greater));
    !order.iter().enumerate().any(against)
}

/// Chains that agree with a rule: more than one at most, and whether they are all there are.
fn search(links: &[Link], rule: &dyn Fn(usize, usize) -> Option<Ordering>) -> (Vec<Vec<usize>>, bool) {
    let n = links.len();
    let after = |a: usize| (0..n).filter(move |&b| rule(a, b) == Some(Ordering::Less));
    let after: Vec<Vec<usize>> = (0..n).map(|a| after(a).collect()).collect();
    // How many layers that must stand before it are not yet in the chain.
    let mut waiting = vec![0usize; n];
    after.iter().flatten().for_each(|&b| waiting[b] += 1);
    let mut used = vec![false; n];
    let mut chain: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    // The next layer to try at each place of the chain; no recursion, for a file may hold many layers.
    let mut next = vec![0];
    for _ in 0..MOST_STEPS {
        let Some(candidate) = next.last_mut() else { return (found, true) };
        let i = *candidate;
        *candidate += 1;
        if chain.len() == n {
            found.push(chain.clone());
            if found.len() > MOST_SHOWN {
                return (found, true);
            }
        } else if i < n {
            if !used[i]
                && waiting[i] == 0
                && chain.last().is_none_or(|&last| follows(&links[last], &links[i]))
            {
                used[i] = true;
                after[i].iter().for_each(|&b| waiting[b] -= 1);
                chain.push(i);
                next.push(0);
            }
            continue;
        }
        next.pop();
        if let Some(last) = chain.pop() {
            used[last] = false;
            after[last].iter().for_each(|&b| waiting[b] += 1);
        }
    }
    (found, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(layers: &[(&str, usize, usize)]) -> Vec<Link> {
        let link = |&(name, n_out, n_in): &(&str, usize, usize)| Link {
            name: name.to_owned(),
            n_in,
            n_out,
            is_convolution: false,
        };
        layers.iter().map(link).collect()
    }

    #[test]
    fn the_order_in_which_a_net_was_built_is_taken_if_names_agree() {
        let net = links(&[("enc", 8, 2), ("mid_b", 8, 8), ("mid_a", 8, 8), ("out", 1, 8)]);
        assert_eq!(orders(&net, true), Orders::One(vec![0, 1, 2, 3]));
        let Orders::Several(found) = orders(&net, false) else { panic!() };
        assert_eq!(found, [[0, 1, 2, 3], [0, 2, 1, 3]], "sorted files do not tell which of two came first");
    }

    #[test]
    fn numbers_and_words_tell_the_order_where_the_file_does_not() {
        let siren = links(&[
            ("last", 2, 16),
            ("net.0", 16, 2),
            ("net.1", 16, 16),
            ("net.10", 16, 16),
            ("net.2", 16, 16),
        ]);
        assert_eq!(orders(&siren, false), Orders::One(vec![1, 2, 4, 3, 0]));
        let first_last = links(&[("final", 1, 8), ("hidden.0", 8, 2), ("hidden.1", 8, 8)]);
        assert_eq!(orders(&first_last, true), Orders::One(vec![1, 2, 0]));
    }

    #[test]
    fn a_file_that_contradicts_its_numbers_is_asked_about_unless_it_is_sorted() {
        let built = links(&[("f.2", 8, 8), ("f.1", 8, 8)]);
        assert_eq!(orders(&built, true), Orders::Several(vec![vec![0, 1], vec![1, 0]]));
        let sorted = links(&[("f.1", 8, 8), ("f.10", 8, 8), ("f.2", 8, 8)]);
        assert_eq!(orders(&sorted, true), Orders::One(vec![0, 2, 1]));
    }

    #[test]
    fn shapes_that_form_no_chain_are_seen_and_a_search_ends() {
        assert_eq!(orders(&links(&[("a", 3, 2), ("b", 3, 2)]), true), Orders::None);
        let many: Vec<(String, usize, usize)> =
            (0..60).map(|i| (format!("{}", char::from(b'A' + i)), 4 + usize::from(i == 0), 4)).collect();
        let many: Vec<_> = many.iter().map(|(name, n_out, n_in)| (name.as_str(), *n_out, *n_in)).collect();
        assert!(matches!(orders(&links(&many), false), Orders::Several(_)));
    }
}
