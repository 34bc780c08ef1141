//! Messages of a stream of server-sent events (WHATWG HTML, section 9.2.6), out of pieces as they arrive.

use std::time::Duration;

/// The longest line, and the most data of one message.
const LONGEST: usize = 256 * 1024;

/// The longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A message with data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) data: Vec<u8>,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message is too long")]
pub(crate) struct TooLong;

/// A reader between two pieces.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    line: Vec<u8>,
    /// A line feed that follows belongs to the end of the last line.
    after_return: bool,
    event: String,
    data: Vec<u8>,
    /// The id of the message that is being read.
    id: Option<String>,
    /// The id of the last message, also of one without data: whoever comes back says it.
    pub(crate) last_id: Option<String>,
    /// After what time the server wants to be asked again.
    pub(crate) retry: Option<Duration>,
}

impl Messages {
    /// A reader that goes on behind a message.
    pub(crate) fn after(last_id: Option<String>) -> Self {
        Self {
            id: last_id.clone(),
            last_id,
            ..Self::default()
        }
    }

    /// Takes a piece; the messages that end in it.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut messages = Vec::new();
        for byte in piece {
            let after_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if after_return => {}
                b'\r' | b'\n' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    messages.extend(self.line(&line)?);
                }
                _ if self.line.len() == LONGEST => return Err(TooLong),
                byte => self.line.push(*byte),
            }
        }
        Ok(messages)
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Message>, TooLong> {
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = || String::from_utf8_lossy(value).into_owned();
        match field {
            b"event" => self.event = text(),
            b"data" => {
                if self.data.len() + value.len() > LONGEST {
                    return Err(TooLong);
                }
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            // What a header cannot carry cannot be said when coming back.
            b"id" if value.iter().all(u8::is_ascii_graphic) => self.id = Some(text()),
            b"retry" => {
                let wait = text().parse().map(Duration::from_millis).ok();
                self.retry = wait.map(|wait| wait.min(LONGEST_WAIT)).or(self.retry);
            }
            // A comment, or a field that there is not.
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Message> {
        self.last_id = self.id.clone().filter(|id| !id.is_empty());
        let event = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        data.pop()?;
        Some(Message { event, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &[u8]) -> (Vec<(String, String)>, Option<String>) {
        let mut messages = Messages::default();
        let taken = messages.take(text).unwrap();
        let taken = taken
            .into_iter()
            .map(|m| (m.event, String::from_utf8(m.data).unwrap()))
            .collect();
        (taken, messages.last_id)
    }

    #[test]
    fn messages_have_a_type_data_and_an_id_that_stays() {
        let text =
            "retry: 700\n\n: hello\nid: 7\nevent: reset\ndata: {}\n\ndata:two\ndata: lines\n\n";
        let (taken, id) = all(text.as_bytes());
        let message = |event: &str, data: &str| (event.to_owned(), data.to_owned());
        assert_eq!(taken, [message("reset", "{}"), message("", "two\nlines")]);
        assert_eq!(id.as_deref(), Some("7"));
        let mut messages = Messages::after(Some("3".to_owned()));
        messages.take(text.as_bytes()).unwrap();
        assert_eq!(messages.retry, Some(Duration::from_millis(700)));
    }

    #[test]
    fn an_id_counts_without_data_and_not_before_its_message_ends() {
        let mut messages = Messages::after(Some("3".to_owned()));
        assert_eq!(messages.take(b":\nid: 9\n"), Ok(vec![]));
        assert_eq!(messages.last_id.as_deref(), Some("3"));
        assert_eq!(messages.take(b"\n"), Ok(vec![]));
        assert_eq!(messages.last_id.as_deref(), Some("9"));
        assert_eq!(messages.take(b"id: a\x1bb\n\nid\n\n"), Ok(vec![]));
        assert_eq!(messages.last_id, None, "an empty one takes it away");
    }

    #[test]
    fn what_has_no_end_is_not_kept() {
        let mut messages = Messages::default();
        let piece = vec![b'x'; 64 * 1024];
        let results: Vec<bool> = (0..5).map(|_| messages.take(&piece).is_ok()).collect();
        assert_eq!(results, [true, true, true, true, false]);
        let mut messages = Messages::default();
        let line = [b"data: ".to_vec(), vec![b'x'; 100_000], b"\n".to_vec()].concat();
        let results: Vec<bool> = (0..3).map(|_| messages.take(&line).is_ok()).collect();
        assert_eq!(results, [true, true, false]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_pieces_end_or_what_ends_lines(
            lines in proptest::collection::vec("(data|id|event|retry|:)?(: ?)?[a-z0-9]{0,5}", 0..20),
            ending in "\n|\r|\r\n",
            size in 1..7_usize,
        ) {
            let text = lines.iter().fold(String::new(), |text, line| text + line + &ending);
            let plain = lines.iter().fold(String::new(), |text, line| text + line + "\n");
            let expected = all(plain.as_bytes());
            prop_assert_eq!(&all(text.as_bytes()), &expected);
            let mut messages = Messages::default();
            let mut taken = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                taken.extend(messages.take(piece).unwrap());
            }
            let taken: Vec<(String, String)> = taken
                .into_iter()
                .map(|m| (m.event, String::from_utf8(m.data).unwrap()))
                .collect();
            prop_assert_eq!((taken, messages.last_id), expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Messages::default().take(&bytes);
        }
    }
}
