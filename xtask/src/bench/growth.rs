//! How the cost of a training step grows, along three axes.

use super::{
    measurement::{Results, Spread},
    plots::{Figure, Panel, Scale},
    table::{spread, table},
};

/// One axis along which cost was measured.
pub(super) struct Axis {
    /// Beginning of the names of its measurements, and of its figure's file.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    x_label: &'static str,
    /// What is measured, for the text.
    pub(super) what: &'static str,
}

/// All axes.
pub(super) const AXES: [Axis; 3] = [
    Axis {
        name: "batch",
        title: "Nets at once",
        x_label: "nets a step",
        what: "A step of the MNIST forward configuration, on ever more nets at once.",
    },
    Axis {
        name: "width",
        title: "Width of the nets",
        x_label: "units in each of two hidden layers",
        what: "A step of a small model (d = 32) on ever wider nets: edges grow as the square of the width.",
    },
    Axis {
        name: "nets",
        title: "Number of nets",
        x_label: "nets an epoch",
        what: "An epoch of a small model (d = 32) over ever more nets, lowering and collating included, 32 a step.",
    },
];

/// The cost at one place of an axis.
struct Place {
    x: usize,
    n_edges: f64,
    n_nets: f64,
    /// Milliseconds a net.
    net: Spread,
    /// Nanoseconds an edge.
    edge: Spread,
}

impl Axis {
    /// The places of the axis that were measured, ascending.
    fn places(&self, results: &Results) -> Vec<Place> {
        let mut places: Vec<Place> = results
            .measured
            .iter()
            .filter_map(|(name, measured)| {
                let x = name.strip_prefix(self.name)?.strip_prefix('/')?.parse().ok()?;
                let n_edges = results.fact(name, "n_edges")?;
                let net = measured.seconds.times(1.0 / measured.elements);
                let edge = net.times(1e9 / n_edges);
                Some(Place { x, n_edges, n_nets: measured.elements, net: net.times(1e3), edge })
            })
            .collect();
        places.sort_by_key(|place| place.x);
        places
    }

    /// The numbers as a table, if there are any.
    pub(super) fn table(&self, results: &Results) -> Option<String> {
        let places = self.places(results);
        let rows = places.iter().map(|place| {
            let Place { x, n_edges, n_nets, net, edge } = place;
            vec![x.to_string(), n_edges.to_string(), n_nets.to_string(), spread(*net), spread(*edge)]
        });
        let header = [self.x_label, "edges a net", "nets measured at once", "ms a net", "ns an edge"];
        (!places.is_empty()).then(|| table(&header, &rows.collect::<Vec<_>>()))
    }

    /// The numbers as a figure, if there are at least two places to draw a line between.
    pub(super) fn figure(&self, results: &Results) -> Option<Figure> {
        let places = self.places(results);
        if places.len() < 2 {
            return None;
        }
        let points =
            |of: fn(&Place) -> Spread| places.iter().map(|place| (place.x as f64, of(place))).collect();
        let panel =
            |y_label, points| Panel { x_label: self.x_label, y_label, scale: Scale::Logarithmic, points };
        Some(Figure {
            title: self.title,
            panels: [
                panel("ms a net", points(|place| place.net)),
                panel("ns an edge", points(|place| place.edge)),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_told_by_net_and_by_edge_in_ascending_order() {
        let mut results = Results::default();
        let output = "samples width/128 2 0.4\nfact width/128/n_edges 1000\n\
            samples width/16 8 0.08\nfact width/16/n_edges 100\nsamples width/x 1 1\n";
        results.read(output).unwrap();
        let text = AXES[1].table(&results).unwrap();
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
        assert_eq!(rows[2][1..4], ["16", "100", "8"]);
        assert!(rows[2][4].starts_with("10.0 (") && rows[2][5].starts_with("100000 ("), "{text}");
        assert!(rows[3][4].starts_with("200 (") && rows[3][5].starts_with("200000 ("), "{text}");
        assert!(AXES[1].figure(&results).is_some());
        assert!(AXES[0].figure(&results).is_none() && AXES[0].table(&results).is_none());
    }
}
