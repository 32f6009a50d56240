"""Send from an application's own server, with nothing but HTTP: `python examples/http_send.py URL TOKEN TO ORDER`."""

import json
import sys
import urllib.request
from typing import Any


def ask(url: str, token: str, operation: str, body: dict[str, Any]) -> dict[str, Any]:
    """One operation. Raises `urllib.error.HTTPError` where it is refused; its body says why."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/{operation}", json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
        return found


def main(url: str, token: str, to: str, order: str) -> None:
    """Tell a customer about an order, twice, as a program does that does not know whether the first try arrived."""
    content = {"type": "text", "text": f"Your order {order} is on its way."}
    body = {"to": to, "seq_id": int(order), "content": content}
    first = ask(url, token, "send", body)["message"]
    again = ask(url, token, "send", body)["message"]
    print(f"said once: {first == again}, as number {first['ordinal']}")


main(*sys.argv[1:])
