"""Runs on a host: fetches URLs with the project's authority as the only one that is trusted.

Usage: python3 -c "$(cat fetch.py)" URLS, where URLS is a JSON list. Answers, as JSON in the same order:
{"status": code, "body": text}, or {"error": why} where there was no answer.
"""

import json
import ssl
import sys
import urllib.error
import urllib.request

DEADLINE = 10  # seconds for one URL


def fetch(url, context):
    try:
        with urllib.request.urlopen(url, timeout=DEADLINE, context=context) as answer:  # noqa: S310 - ours
            return {"status": answer.status, "body": answer.read().decode()}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": error.read().decode()}
    except OSError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    trusted = ssl.create_default_context(cafile="/etc/flashtier/tls/ca.crt")
    json.dump([fetch(url, trusted) for url in json.loads(sys.argv[1])], sys.stdout)
