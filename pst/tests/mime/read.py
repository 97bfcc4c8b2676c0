"""Reads every message of a folder with Python's own parser and says, one line of JSON each, what it found."""

import email
import email.policy
import hashlib
import json
import pathlib
import sys

for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    texts, files, defects = [], [], [type(defect).__name__ for defect in message.defects]
    for part in message.walk():
        defects += [type(defect).__name__ for defect in part.defects]
        if part.is_multipart():
            continue
        if part.get_content_maintype() == "text" and not part.get_filename():
            texts.append(part.get_content().replace("\r\n", "\n"))
        else:
            octets = part.get_payload(decode=True)
            files.append([part.get_filename(), hashlib.sha256(octets).hexdigest()])
    senders = [[one.display_name, one.addr_spec] for one in message["from"].addresses]
    people = [[one.display_name, one.addr_spec] for one in message["to"].addresses] if message["to"] else []
    print(json.dumps({
        "name": path.name,
        "subject": message["subject"],
        "from": senders,
        "to": people,
        "texts": texts,
        "files": files,
        "defects": sorted(set(defects)),
    }))
