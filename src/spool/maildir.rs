//! Delivery into somebody's Maildir (Q5): `tmp/`, fsync, link, fsync `new/`.
