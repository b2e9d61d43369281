//! Dependencies before dependents.

/// Either an order of all modules, or a cycle.
pub(super) type Order = Result<Vec<usize>, Vec<usize>>;

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    OnPath,
    Placed,
}

/// Orders the modules `0..imports.len()` so that each stands after those it imports, and `main` stands last of all.
///
/// `Err` names a cycle, its first module repeated at the end. A module that imports `main` from outside would have to
/// stand after it: it is left for the caller to notice (its import has no lower place).
pub(super) fn order(imports: &[Vec<usize>], main: usize) -> Order {
    let mut marks = vec![Mark::New; imports.len()];
    let mut placed = Vec::with_capacity(imports.len());
    // `main` first finds its cycles; it is moved to the end afterwards.
    for start in std::iter::once(main).chain(0..imports.len()) {
        if marks[start] == Mark::New {
            place(start, imports, &mut marks, &mut placed)?;
        }
    }
    placed.retain(|module| *module != main);
    placed.push(main);
    Ok(placed)
}

/// Depth first, with a path of its own in place of the stack.
fn place(
    start: usize,
    imports: &[Vec<usize>],
    marks: &mut [Mark],
    placed: &mut Vec<usize>,
) -> Result<(), Vec<usize>> {
    let mut path = vec![(start, 0)];
    marks[start] = Mark::OnPath;
    while let Some((module, next)) = path.last_mut() {
        let Some(&import) = imports[*module].get(*next) else {
            marks[*module] = Mark::Placed;
            placed.push(*module);
            path.pop();
            continue;
        };
        *next += 1;
        match marks[import] {
            Mark::Placed => {}
            Mark::New => {
                marks[import] = Mark::OnPath;
                path.push((import, 0));
            }
            Mark::OnPath => {
                let mut cycle: Vec<usize> =
                    path.iter().map(|(module, _)| *module).skip_while(|m| *m != import).collect();
                cycle.push(import);
                return Err(cycle);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_names_cycles() {
        assert_eq!(order(&[vec![]], 0), Ok(vec![0]));
        assert_eq!(order(&[vec![2], vec![], vec![1]], 0), Ok(vec![1, 2, 0]));
        assert_eq!(order(&[vec![], vec![], vec![1]], 0), Ok(vec![1, 2, 0]));
        assert_eq!(order(&[vec![0]], 0), Err(vec![0, 0]));
        assert_eq!(order(&[vec![1], vec![2], vec![1]], 0), Err(vec![1, 2, 1]));
        let chain: Vec<Vec<usize>> =
            (0..100_000).map(|i| if i < 99_999 { vec![i + 1] } else { vec![] }).collect();
        assert_eq!(order(&chain, 0).unwrap().first(), Some(&99_999));
    }
}
