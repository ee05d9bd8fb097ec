//! The platform's roots as a directory in which a certificate is found by the
//! hash of its subject. OpenSSL reads from it the one or two that a server's
//! chain needs (2 ms); native-tls reads the whole bundle, twice (60 ms).

use std::path::{Path, PathBuf};

/// Where systems keep both, the bundle and the directory.
const PLACES: [(&str, &str); 3] = [
    ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs"),
    ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/certs"),
    ("/etc/ssl/cert.pem", "/etc/ssl/certs"),
];

/// The directory, if it holds all that the bundle does; else the bundle has to be
/// read. `SSL_CERT_FILE` and `SSL_CERT_DIR` say where, as for OpenSSL.
pub(super) fn directory() -> Option<PathBuf> {
    let of = |name| std::env::var_os(name).map(PathBuf::from);
    let (bundle, directory) = match (of("SSL_CERT_FILE"), of("SSL_CERT_DIR")) {
        (None, None) => {
            let there = |place: &&(&str, &str)| Path::new(place.0).exists();
            let (bundle, directory) = PLACES.iter().find(there)?;
            (PathBuf::from(bundle), PathBuf::from(directory))
        }
        (Some(bundle), Some(directory)) => (bundle, directory),
        _ => return None,
    };
    is_whole(&bundle, &directory).then_some(directory)
}

fn is_whole(bundle: &Path, directory: &Path) -> bool {
    let (Ok(text), Ok(entries)) = (std::fs::read(bundle), std::fs::read_dir(directory)) else {
        return false;
    };
    let bundled = memchr::memmem::find_iter(&text, b"-----BEGIN CERTIFICATE-----").count();
    let is_hashed = |name: &str| match name.split_once('.') {
        Some((hash, number)) => {
            hash.len() == 8
                && hash.bytes().all(|b| b.is_ascii_hexdigit())
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        None => false,
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let hashed = names.filter(|name| name.to_str().is_some_and(is_hashed));
    bundled > 0 && hashed.count() >= bundled
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bundle with more than the directory holds has to be read: what is only
    /// there is trusted too.
    #[test]
    fn only_a_whole_directory_will_do() {
        let dir = tempfile::tempdir().unwrap();
        let bundle = dir.path().join("bundle.crt");
        let one = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&bundle, one).unwrap();
        assert!(!is_whole(&bundle, dir.path()));
        std::fs::write(dir.path().join("0123abcd.0"), one).unwrap();
        std::fs::write(dir.path().join("0123abcd.r0"), "a revocation list").unwrap();
        assert!(is_whole(&bundle, dir.path()));
        std::fs::write(&bundle, one.repeat(2)).unwrap();
        assert!(!is_whole(&bundle, dir.path()));
        assert!(!is_whole(&dir.path().join("none"), dir.path()));
    }
}
