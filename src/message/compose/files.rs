//! Files that go with a message.

use std::io::Read;

use super::stream::Encoding;
use super::{Content, Part, Text, fields};

/// A file to be attached or shown.
pub struct Attachment {
    /// Its name without directories, as the receiver sees it.
    pub name: String,
    pub content: FileContent,
}

pub enum FileContent {
    /// Any octets, with the charset where the type is a text's.
    Octets {
        source: Box<dyn Read>,
        charset: Option<&'static str>,
    },
    /// A message, which must not be encoded (RFC 2046 section 5.2.1).
    Message(Text),
}

/// Types by the end of a name (IANA media types).
#[rustfmt::skip]
const TYPES: &[(&str, &str)] = &[
    ("txt", "text/plain"), ("log", "text/plain"), ("md", "text/markdown"), ("csv", "text/csv"),
    ("tsv", "text/tab-separated-values"), ("html", "text/html"), ("htm", "text/html"),
    ("css", "text/css"), ("js", "text/javascript"), ("ics", "text/calendar"), ("vcf", "text/vcard"),
    ("diff", "text/x-diff"), ("patch", "text/x-diff"), ("sh", "text/x-shellscript"),
    ("xml", "application/xml"), ("json", "application/json"), ("pdf", "application/pdf"),
    ("ps", "application/postscript"), ("rtf", "application/rtf"), ("zip", "application/zip"),
    ("gz", "application/gzip"), ("tgz", "application/gzip"), ("bz2", "application/x-bzip2"),
    ("xz", "application/x-xz"), ("zst", "application/zstd"), ("7z", "application/x-7z-compressed"),
    ("tar", "application/x-tar"), ("doc", "application/msword"), ("xls", "application/vnd.ms-excel"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odp", "application/vnd.oasis.opendocument.presentation"), ("epub", "application/epub+zip"),
    ("asc", "application/pgp-signature"), ("sig", "application/pgp-signature"),
    ("p7s", "application/pkcs7-signature"), ("png", "image/png"), ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"), ("gif", "image/gif"), ("webp", "image/webp"), ("avif", "image/avif"),
    ("svg", "image/svg+xml"), ("bmp", "image/bmp"), ("tif", "image/tiff"), ("tiff", "image/tiff"),
    ("ico", "image/vnd.microsoft.icon"), ("heic", "image/heic"), ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"), ("opus", "audio/ogg"), ("wav", "audio/x-wav"), ("flac", "audio/flac"),
    ("m4a", "audio/mp4"), ("mp4", "video/mp4"), ("webm", "video/webm"), ("mov", "video/quicktime"),
    ("eml", MESSAGE),
];

const MESSAGE: &str = "message/rfc822";
const UNKNOWN: &str = "application/octet-stream";

/// The type that a file's name speaks for.
fn media_type(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let known = TYPES.iter().find(|(ext, _)| ext.eq_ignore_ascii_case(end));
    known.map_or(UNKNOWN, |(_, kind)| kind)
}

/// Whether a file of this name is a message.
pub fn is_message(name: &str) -> bool {
    media_type(name) == MESSAGE
}

/// What `cid:` in HTML calls a file: its name, with `_` for what would need
/// encoding there (RFC 2392).
pub fn content_id(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-@".contains(c);
    name.chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect()
}

impl Attachment {
    pub(super) fn into_part(self, inline: bool) -> Part {
        let (kind, charset, source, encoding) = match self.content {
            FileContent::Octets { source, charset } => {
                (media_type(&self.name), charset, source, Encoding::Base64)
            }
            FileContent::Message(text) => match text.into_itself() {
                Ok((source, encoding)) => (MESSAGE, None, source, encoding),
                Err(text) => (UNKNOWN, None, text.into_source(), Encoding::Base64),
            },
        };
        // A message that could not go as one is none any more.
        let kind = match (kind, encoding) {
            (MESSAGE, Encoding::Base64) => UNKNOWN,
            (kind, _) => kind,
        };
        let charset = charset.filter(|_| kind.starts_with("text/"));
        let parameters: Vec<_> = charset.map(|c| ("charset", c)).into_iter().collect();
        let mut head = fields::content_type(kind, &parameters);
        let disposition = if inline { "inline" } else { "attachment" };
        let named = [("filename", self.name.as_str())];
        head.extend(fields::with_parameters(
            "Content-Disposition",
            disposition,
            &named,
        ));
        if inline {
            head.extend(format!("Content-ID: <{}>\r\n", content_id(&self.name)).bytes());
        }
        Part {
            head,
            content: Content::One(source, encoding),
        }
    }
}
