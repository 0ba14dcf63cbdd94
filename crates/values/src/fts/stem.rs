//! The English stemmer: Snowball's second English algorithm, and the stop list.

const STOP_WORDS: &str = " i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers \
    herself it its itself they them their theirs themselves what which who whom this that these those am is are was were \
    be been being have has had having do does did doing a an the and but if or because as until while of at by for with \
    about against between into through during before after above below to from up down in out on off over under again \
    further then once here there when where why how all any both each few more most other some such no nor not only own \
    same so than too very s t can will just don should now ";

/// True for words too common to search for.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.split_ascii_whitespace().any(|w| w == word)
}

/// Words with stems of their own.
const IRREGULAR: [(&str, &str); 18] = [
    ("skis", "ski"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("idly", "idl"),
    ("gently", "gentl"),
    ("ugly", "ugli"),
    ("early", "earli"),
    ("only", "onli"),
    ("singly", "singl"),
    ("sky", "sky"),
    ("news", "news"),
    ("howe", "howe"),
    ("atlas", "atlas"),
    ("cosmos", "cosmos"),
    ("bias", "bias"),
    ("andes", "andes"),
];

/// The stem of a lower-case word.
pub fn stem(word: &str) -> String {
    if word.chars().count() <= 2 {
        return word.to_owned();
    }
    if let Some((_, stem)) = IRREGULAR.iter().find(|(w, _)| *w == word) {
        return (*stem).to_owned();
    }
    let mut w = Word::new(word);
    w.plurals();
    if !["inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"]
        .contains(&w.text().as_str())
    {
        w.past_and_progressive();
        w.final_y();
        w.derivations();
        w.shorter_derivations();
        w.residues();
        w.final_e_or_l();
    }
    w.text().replace('Y', "y")
}

struct Word {
    c: Vec<char>,
    /// Where the first region begins: after the first consonant that follows a vowel.
    r1: usize,
    /// The same again, inside the first region.
    r2: usize,
}

fn vowel(c: char) -> bool {
    matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

impl Word {
    fn new(word: &str) -> Self {
        let mut c: Vec<char> = word.strip_prefix('\'').unwrap_or(word).chars().collect();
        // A `y` that is a consonant is marked.
        for i in 0..c.len() {
            if c[i] == 'y' && (i == 0 || vowel(c[i - 1])) {
                c[i] = 'Y';
            }
        }
        let region = |from: usize| {
            let mut i = from + 1;
            while i < c.len() && (vowel(c[i]) || !vowel(c[i - 1])) {
                i += 1;
            }
            (i + 1).min(c.len())
        };
        let head = ["gener", "commun", "arsen"].iter().find(|p| word.starts_with(**p)).map(|p| p.len());
        let r1 = head.unwrap_or_else(|| region(0));
        let r2 = if r1 < c.len() { region(r1) } else { c.len() };
        Self { c, r1, r2 }
    }

    fn text(&self) -> String {
        self.c.iter().collect()
    }

    fn ends(&self, suffix: &str) -> bool {
        self.c.len() >= suffix.len() && self.c[self.c.len() - suffix.len()..].iter().copied().eq(suffix.chars())
    }

    /// The longest of these suffixes that the word ends in.
    fn suffix<'s>(&self, all: &[&'s str]) -> Option<&'s str> {
        all.iter().copied().filter(|s| self.ends(s)).max_by_key(|s| s.len())
    }

    fn swap(&mut self, suffix: &str, by: &str) {
        self.c.truncate(self.c.len() - suffix.len());
        self.c.extend(by.chars());
    }

    /// True when the suffix lies in the region that begins at `region`.
    fn within(&self, suffix: &str, region: usize) -> bool {
        self.c.len() - suffix.len() >= region
    }

    fn vowel_before(&self, end: usize) -> bool {
        self.c[..end].iter().any(|c| vowel(*c))
    }

    /// True when the first `end` letters end in a short syllable.
    fn short_syllable(&self, end: usize) -> bool {
        let c = &self.c[..end];
        match *c {
            [a, b] => vowel(a) && !vowel(b),
            [.., a, b, d] => !vowel(a) && vowel(b) && !vowel(d) && !matches!(d, 'w' | 'x' | 'Y'),
            _ => false,
        }
    }

    fn plurals(&mut self) {
        match self.suffix(&["sses", "ied", "ies", "us", "ss", "s"]) {
            Some("sses") => self.swap("sses", "ss"),
            Some(s @ ("ied" | "ies")) => {
                let by = if self.c.len() > 4 { "i" } else { "ie" };
                self.swap(s, by);
            }
            Some("s") if self.c.len() > 2 && self.vowel_before(self.c.len() - 2) => self.swap("s", ""),
            _ => {}
        }
    }

    fn past_and_progressive(&mut self) {
        match self.suffix(&["eed", "eedly", "ed", "edly", "ing", "ingly"]) {
            // Outside the region these stay whole: they are not an `ed` after `e`.
            Some("eed" | "eedly") if self.suffix(&["eed", "eedly"]).is_some_and(|s| !self.within(s, self.r1)) => {}
            Some(s @ ("eed" | "eedly")) => self.swap(s, "ee"),
            Some(s) if self.vowel_before(self.c.len() - s.len()) => {
                self.swap(s, "");
                let n = self.c.len();
                let double = n >= 2 && self.c[n - 1] == self.c[n - 2] && "bdfgmnprt".contains(self.c[n - 1]);
                if self.suffix(&["at", "bl", "iz"]).is_some() {
                    self.c.push('e');
                } else if double {
                    self.c.pop();
                } else if self.r1 >= n && self.short_syllable(n) {
                    self.c.push('e');
                }
            }
            _ => {}
        }
    }

    fn final_y(&mut self) {
        let n = self.c.len();
        if n > 2 && matches!(self.c[n - 1], 'y' | 'Y') && !vowel(self.c[n - 2]) {
            self.c[n - 1] = 'i';
        }
    }

    fn derivations(&mut self) {
        const PAIRS: [(&str, &str); 24] = [
            ("tional", "tion"),
            ("enci", "ence"),
            ("anci", "ance"),
            ("abli", "able"),
            ("entli", "ent"),
            ("izer", "ize"),
            ("ization", "ize"),
            ("ational", "ate"),
            ("ation", "ate"),
            ("ator", "ate"),
            ("alism", "al"),
            ("aliti", "al"),
            ("alli", "al"),
            ("fulness", "ful"),
            ("ousli", "ous"),
            ("ousness", "ous"),
            ("iveness", "ive"),
            ("iviti", "ive"),
            ("biliti", "ble"),
            ("bli", "ble"),
            ("ogi", "og"),
            ("fulli", "ful"),
            ("lessli", "less"),
            ("li", ""),
        ];
        let Some((s, by)) = PAIRS.iter().filter(|(s, _)| self.ends(s)).max_by_key(|(s, _)| s.len()) else { return };
        let before = self.c.len().checked_sub(s.len() + 1).map(|i| self.c[i]);
        let allowed = match *s {
            "ogi" => before == Some('l'),
            "li" => before.is_some_and(|c| "cdeghkmnrt".contains(c)),
            _ => true,
        };
        if allowed && self.within(s, self.r1) {
            self.swap(s, by);
        }
    }

    fn shorter_derivations(&mut self) {
        const PAIRS: [(&str, &str); 9] = [
            ("tional", "tion"),
            ("ational", "ate"),
            ("alize", "al"),
            ("icate", "ic"),
            ("iciti", "ic"),
            ("ical", "ic"),
            ("ful", ""),
            ("ness", ""),
            ("ative", ""),
        ];
        let Some((s, by)) = PAIRS.iter().filter(|(s, _)| self.ends(s)).max_by_key(|(s, _)| s.len()) else { return };
        if self.within(s, if *s == "ative" { self.r2 } else { self.r1 }) {
            self.swap(s, by);
        }
    }

    fn residues(&mut self) {
        let all = [
            "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ism", "ate", "iti",
            "ous", "ive", "ize", "ion",
        ];
        let Some(s) = self.suffix(&all) else { return };
        let before = self.c.len().checked_sub(s.len() + 1).map(|i| self.c[i]);
        if self.within(s, self.r2) && (s != "ion" || matches!(before, Some('s' | 't'))) {
            self.swap(s, "");
        }
    }

    fn final_e_or_l(&mut self) {
        let n = self.c.len();
        if self.ends("e") {
            if self.within("e", self.r2) || (self.within("e", self.r1) && !self.short_syllable(n - 1)) {
                self.c.pop();
            }
        } else if self.ends("ll") && self.within("l", self.r2) {
            self.c.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_stemmed_as_snowball_does() {
        for (word, want) in [
            ("running", "run"),
            ("foxes", "fox"),
            ("jumped", "jump"),
            ("flies", "fli"),
            ("dies", "die"),
            ("happiness", "happi"),
            ("generally", "general"),
            ("generate", "generat"),
            ("communication", "communic"),
            ("hopping", "hop"),
            ("hoping", "hope"),
            ("agreed", "agre"),
            ("relational", "relat"),
            ("conditional", "condit"),
            ("rationalization", "ration"),
            ("ability", "abil"),
            ("abilities", "abil"),
            ("skies", "sky"),
            ("news", "news"),
            ("yellow", "yellow"),
            ("boyish", "boyish"),
            ("knightly", "knight"),
            ("sensational", "sensat"),
            ("gas", "gas"),
            ("this", "this"),
            ("kiwis", "kiwi"),
            ("succeed", "succeed"),
            ("feed", "feed"),
            ("deeedly", "deeed"),
            ("controlling", "control"),
            ("roll", "roll"),
            ("electrical", "electr"),
            ("probably", "probabl"),
            ("by", "by"),
            ("say", "say"),
            ("cry", "cri"),
            ("databases", "databas"),
            ("university", "univers"),
        ] {
            assert_eq!(super::stem(word), want);
        }
    }
}
