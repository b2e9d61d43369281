//! What somebody may have meant. Pure.

/// Most edits between a word and what was meant by it.
const FAR: usize = 2;

/// The words nearest to `word`, nearest first, at most three: a few edits away, or longer by their ends.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let far = distance(word, name);
            let is_part = word.len() >= 3 && (name.starts_with(word) || word.starts_with(name));
            (far <= FAR || is_part).then_some((far, name))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Edits between two words.
pub fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let cost = (before + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            before = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first_and_far_ones_not_at_all() {
        let known = ["hello", "help", "hallo", "shop", "hello-world"];
        assert_eq!(nearest("helo", known), ["hello", "help", "hallo"]);
        assert_eq!(nearest("hello-w", known), ["hello", "hello-world"]);
        assert!(nearest("payments", known).is_empty());
    }
}
