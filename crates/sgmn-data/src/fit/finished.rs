//! A population whose nets are all finished, and how it becomes a dataset.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use sgmn_graph::{Net, NetSpec};

use super::{Fitted, Request, Summary, arithmetic};
use crate::{
    Error, Made, Result, Sample, Source, Target,
    formats::{folder, packed},
    journal::{Finished, seed_fingerprint},
    source::Dataset,
    split::Splits,
};

/// A population whose nets are all finished.
pub(super) struct Population {
    spec: Arc<NetSpec>,
    ids: Vec<String>,
    targets: Vec<Target>,
    nets: Arc<Mutex<Finished<Fitted>>>,
}

impl Population {
    /// The nets of a request.
    pub(super) fn new(request: &Request<'_>, spec: Arc<NetSpec>, nets: Finished<Fitted>) -> Self {
        let images = request.images;
        let targets =
            (0..images.len()).map(|i| images.label(i).map_or(Target::None, Target::Class)).collect();
        Self { spec, ids: request.ids.to_vec(), targets, nets: Arc::new(Mutex::new(nets)) }
    }

    /// Writes one packed file.
    pub(super) fn write_packed(self, request: &Request<'_>, out: &Path, made: Made) -> Result<Summary> {
        let summary = self.summary(request, made)?;
        let mut provenance = provenance(request);
        provenance.extend(summary.facts());
        let mut writer = packed::Writer::create(out, provenance)?;
        for i in 0..self.len() {
            let (id, target, spec) = (self.ids[i].clone(), self.targets[i], Arc::clone(&self.spec));
            let Fitted { params, .. } = self.fitted(i)?;
            writer.push(packed::Item { id, spec, params, target, split: request.splits[i] })?;
        }
        writer.finish()?;
        discard(self.nets)?;
        Ok(summary)
    }

    /// Writes a folder of safetensors files.
    pub(super) fn write_safetensors(
        self,
        request: &Request<'_>,
        folder: &Path,
        made: Made,
    ) -> Result<Summary> {
        let summary = self.summary(request, made)?;
        let finished = Arc::clone(&self.nets);
        let dataset = Dataset::new(self, Splits::from_assignment(request.splits.iter().copied()));
        // The nets are written aside and moved as a whole: a folder with some of them would look like a smaller dataset.
        let parent =
            folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let aside =
            tempfile::Builder::new().prefix(".writing-").tempdir_in(parent).map_err(Error::io(folder))?;
        let nets = aside.path().join("nets");
        folder::write(&dataset, &nets, |_, _| {})?;
        std::fs::rename(&nets, folder).map_err(Error::io(folder))?;
        drop(dataset);
        discard(finished)?;
        Ok(summary)
    }

    fn summary(&self, request: &Request<'_>, made: Made) -> Result<Summary> {
        let nets = (0..self.len()).map(|i| self.fitted(i).map(|fitted| (fitted.psnr_db, fitted.n_steps)));
        let nets = nets.collect::<Result<Vec<(f64, u32)>>>()?;
        Ok(Summary::new(&nets, request.recipe.goal_psnr_db, made.n_made_now, made.seconds))
    }

    fn fitted(&self, i: usize) -> Result<Fitted> {
        self.nets.lock().expect("reading does not panic").read(i)
    }
}

/// Deletes the journal of nets that have become a dataset.
fn discard(nets: Arc<Mutex<Finished<Fitted>>>) -> Result<()> {
    let nets = Arc::into_inner(nets).expect("the dataset that shared them is gone");
    nets.into_inner().expect("reading does not panic").discard()
}

impl Source for Population {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        let id = self.ids[i].clone();
        let params = self.fitted(i)?.params.into_iter().map(f64::from).collect();
        let net = Net::new(Arc::clone(&self.spec), params)
            .map_err(|source| Error::Net { path: PathBuf::from(&id), source })?;
        Ok(Sample { id, net, target: self.targets[i] })
    }
}

/// Where the nets come from; the same for the same request.
fn provenance(request: &Request<'_>) -> BTreeMap<String, String> {
    let recipe = serde_json::to_string(request.recipe).expect("numbers can be written as JSON");
    let facts = [
        ("made_by", "fit of SIRENs to images".to_owned()),
        ("recipe", recipe),
        ("seed", seed_fingerprint(request.seed)),
        ("images_sha256", request.images.digest()),
        ("image_size", format!("{:?}", request.images.size())),
        ("arithmetic", arithmetic().to_owned()),
    ];
    facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
