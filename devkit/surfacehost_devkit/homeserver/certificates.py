"""A private certificate authority, so that a client must be told whom to trust."""

from pathlib import Path

import trustme


def make_certificates(folder: Path) -> Path:
    """Write ``ca.pem``, ``server.pem`` and ``server.key`` unless they are there; return the path of ``ca.pem``."""
    ca_file = folder / "ca.pem"
    if ca_file.exists():
        return ca_file
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "server.key"))
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    (folder / "server.pem").write_bytes(chain)
    authority.cert_pem.write_to_path(str(ca_file))  # last: it stands for all three
    return ca_file
