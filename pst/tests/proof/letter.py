"""Reads every message of a folder with Python's own parser and says, one line of JSON each, what it found."""

import email
import email.policy
import email.utils
import hashlib
import json
import pathlib
import sys


def walk(part, found):
    """Notes what a part holds; messages within it are walked as well."""
    found["defects"] += [type(defect).__name__ for defect in part.defects]
    # Fields that came with the mail are its senders' own; those of the parts are ours alone.
    for name in ("content-type", "content-disposition", "content-transfer-encoding", "mime-version"):
        field = part[name]
        # Names that are not ASCII stand twice: as RFC 2231 has it, and as an encoded word in `name`, for old readers.
        is_for_old_readers = name == "content-type" and "=?" in str(dict(part.raw_items()).get("Content-Type"))
        if not is_for_old_readers:
            found["defects"] += [f"{name}: {type(defect).__name__}" for defect in getattr(field, "defects", ())]
    kind = part.get_content_type()
    if kind == "message/rfc822":
        found["embedded"] += 1
    if part.is_multipart():
        for inner in part.iter_parts() if kind != "message/rfc822" else part.get_payload():
            walk(inner, found)
    elif part.get_content_maintype() == "text" and not part.get_filename():
        found["texts"].append(part.get_content(errors="strict"))
    else:
        octets = part.get_payload(decode=True)
        found["files"].append({"media_type": kind, "sha256": hashlib.sha256(octets).hexdigest()})


for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    date = message["date"]
    people = set()
    for name in ("from", "sender", "to", "cc", "bcc"):
        for field in message.get_all(name, []):
            people.update(one.addr_spec.lower() for one in field.addresses)
    found = {
        "subject": str(message["subject"] or ""),
        "message_id": str(message["message-id"] or "").strip().strip("<>"),
        "date": int(date.datetime.timestamp()) if date is not None and date.datetime else None,
        "people": sorted(people),
        "texts": [],
        "files": [],
        "embedded": 0,
        "defects": [],
    }
    walk(message, found)
    print(json.dumps(found))
