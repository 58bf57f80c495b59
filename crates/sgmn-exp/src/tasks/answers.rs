//! What a model's output means that was trained on a question: kept in its checkpoint, for whoever asks it later.

use anyhow::{Result, bail};
use sgmn_nn::trained::Answers;

use super::Standard;
use crate::config::Task;

/// The meaning of the outputs of a question's models; `classes` are the names of the classes, where they have some.
///
/// # Errors
/// If numbers were learned and nobody says how they were standardized.
pub fn answers(task: &Task, standard: Option<Standard>, classes: Option<&[String]>) -> Result<Answers> {
    Ok(match (task, standard) {
        (Task::Classify { n_classes }, _) => {
            let named = |class: usize| classes.and_then(|names| names.get(class)).cloned();
            let name = |class: usize| named(class).unwrap_or_else(|| class.to_string());
            Answers::Classes { names: (0..*n_classes).map(name).collect() }
        }
        (Task::Predict {}, _) => Answers::Score {},
        (Task::Regress {}, Some(Standard { mean, deviation })) => Answers::Number { mean, deviation },
        (Task::Regress {}, None) => {
            bail!("expected mean and deviation of the numbers that the model has learned, found none")
        }
        (Task::Edit(_), _) => Answers::Changes {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_without_a_name_are_called_by_their_number() {
        let task = Task::Classify { n_classes: 3 };
        let names = ["cat".to_owned(), "dog".to_owned()];
        let found = answers(&task, None, Some(&names)).unwrap();
        assert_eq!(found, Answers::Classes { names: ["cat", "dog", "2"].map(str::to_owned).into() });
    }

    #[test]
    fn numbers_need_their_unit() {
        let standard = Standard { mean: 3.0, deviation: 2.0 };
        let number = Answers::Number { mean: 3.0, deviation: 2.0 };
        assert_eq!(answers(&Task::Regress {}, Some(standard), None).unwrap(), number);
        assert!(answers(&Task::Regress {}, None, None).is_err());
    }
}
