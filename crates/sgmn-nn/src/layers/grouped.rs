//! Blocks whose nodes are joined group by group: a group is read like a net of its own.

use candle_core::Tensor;
use sgmn_graph::Block;

use crate::{Field, Result, ops::Rows};

/// One end of a block of edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Senders,
    Receivers,
}

/// The nodes of a site as a block meets them, group after group: `[B, n, d]` to `[B G, n / G, d]`. Those of a dense block
/// stay as they are.
pub(crate) fn into_groups(rows: &Rows, block: &Block, end: End) -> Result<Rows> {
    if block.groups == 1 {
        return Ok(rows.clone());
    }
    let rows = rows.tensor()?;
    let (n_graphs, n, d) = rows.dims3()?;
    let rows = match order(block, end) {
        Some(order) => rows.index_select(&Tensor::new(order, rows.device())?, 1)?,
        None => rows,
    };
    let shape = (n_graphs * block.groups, n / block.groups, d);
    Ok(Rows::nodes(rows.contiguous()?.reshape(shape)?)?)
}

/// As [`into_groups`], of a feature.
pub(crate) fn field_into_groups(field: &Field, block: &Block, end: End) -> Result<Field> {
    field.map_equivariant(|rows| into_groups(rows, block, end))
}

/// What receivers, or senders, of a block have got, in the order of their site: the inverse of [`into_groups`].
pub(crate) fn rows_out_of_groups(rows: &Rows, block: &Block, end: End) -> Result<Rows> {
    if block.groups == 1 {
        return Ok(rows.clone());
    }
    let rows = rows.tensor()?;
    let (n_rows, n, d) = rows.dims3()?;
    let rows = rows.contiguous()?.reshape((n_rows / block.groups, n * block.groups, d))?;
    let rows = match order(block, end) {
        Some(order) => {
            let mut back = vec![0u32; order.len()];
            order.iter().enumerate().for_each(|(at, node)| back[*node as usize] = at as u32);
            rows.index_select(&Tensor::new(back, rows.device())?, 1)?
        }
        None => rows,
    };
    Ok(Rows::nodes(rows.contiguous()?)?)
}

/// As [`rows_out_of_groups`], of a feature.
pub(crate) fn out_of_groups(field: &Field, block: &Block, end: End) -> Result<Field> {
    field.map_equivariant(|rows| rows_out_of_groups(rows, block, end))
}

fn order(block: &Block, end: End) -> Option<&[u32]> {
    match end {
        End::Senders => block.senders.as_deref(),
        End::Receivers => block.receivers.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use sgmn_symmetry::ScaleGroup;

    use super::*;

    #[test]
    fn groups_come_back_in_the_order_of_their_site() {
        let rows = Tensor::arange(0f32, 12.0, &Device::Cpu).unwrap().reshape((1, 6, 2)).unwrap();
        let field = Field::nodes(rows.clone(), ScaleGroup::Sign).unwrap();
        let order = vec![3, 0, 4, 1, 5, 2];
        let block = Block { groups: 3, senders: Some(order), ..Block::dense(0, 0, 1, 0) };
        let grouped = field_into_groups(&field, &block, End::Senders).unwrap();
        assert_eq!(grouped.values().dims(), [3, 2, 2]);
        let first: Vec<f32> =
            grouped.values().tensor().unwrap().get(0).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(first, [6.0, 7.0, 0.0, 1.0]);
        let back = out_of_groups(&grouped, &block, End::Senders).unwrap().values().tensor().unwrap();
        assert_eq!(back.to_vec3::<f32>().unwrap(), rows.to_vec3::<f32>().unwrap());
    }
}
