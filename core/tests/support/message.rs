//! A SIP message read the plain way: lines, and what stands after the colon.

/// What was sent, as text. Read without the code under test.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
}

impl Message {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), text: String::from_utf8_lossy(bytes).into_owned() }
    }

    pub(crate) fn first_line(&self) -> &str {
        self.text.lines().next().unwrap()
    }

    /// The method of a request, the status code of a response.
    pub(crate) fn code(&self) -> String {
        let mut words = self.first_line().split(' ');
        match words.next().unwrap() {
            "SIP/2.0" => words.next().unwrap().into(),
            method => method.into(),
        }
    }

    pub(crate) fn reason(&self) -> String {
        self.first_line().splitn(3, ' ').nth(2).unwrap().into()
    }

    pub(crate) fn uri(&self) -> &str {
        self.first_line().split(' ').nth(1).unwrap()
    }

    fn head(&self) -> &str {
        self.text.split("\r\n\r\n").next().unwrap()
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }

    /// Every value line of this header, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head().lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .filter(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// The value of this header, which must be there once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in\n{}", self.text);
        all[0]
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    pub(crate) fn callee_tag(&self) -> String {
        tag(self.header("To")).unwrap_or_else(|| panic!("no To tag in\n{}", self.text))
    }

    pub(crate) fn has_to_tag(&self) -> bool {
        tag(self.header("To")).is_some()
    }

    pub(crate) fn caller_tag(&self) -> String {
        tag(self.header("From")).unwrap()
    }

    pub(crate) fn cseq(&self) -> u32 {
        self.header("CSeq").split(' ').next().unwrap().parse().unwrap()
    }

    /// Branch of the topmost Via.
    pub(crate) fn branch(&self) -> String {
        let via = self.all("Via")[0];
        via.split(";branch=").nth(1).unwrap().split([';', ',']).next().unwrap().into()
    }
}

fn tag(value: &str) -> Option<String> {
    value.split(";tag=").nth(1).map(|rest| rest.split(';').next().unwrap().into())
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
