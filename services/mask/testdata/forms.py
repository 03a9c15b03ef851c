"""Writes a secret in the forms that Python's own libraries give it, a line each: its name, a bar, the form."""
import base64, html, json, re, shlex, sys, urllib.parse, xml.sax.saxutils
from xml.etree import ElementTree

secret = sys.stdin.read()
raw = secret.encode()
element = ElementTree.Element("e", a=secret)
element.text = secret
wire = ElementTree.tostring(element, encoding="unicode")
forms = {
    "base64": base64.b64encode(raw).decode(),
    "base64 unpadded": base64.b64encode(raw).decode().rstrip("="),
    "base64 url": base64.urlsafe_b64encode(raw).decode(),
    "url query": urllib.parse.quote_plus(secret),
    "url path": urllib.parse.quote(secret),
    "url strict": urllib.parse.quote(secret, safe=""),
    "url lower": re.sub("%..", lambda m: m[0].lower(), urllib.parse.quote(secret, safe="")),
    "json": json.dumps(secret),
    "json unicode": json.dumps(secret, ensure_ascii=False),
    "json in json": json.dumps(json.dumps(secret, ensure_ascii=False), ensure_ascii=False),
    "repr": repr(secret),
    "ascii": ascii(secret),
    "bytes": repr(raw).removeprefix("b"),
    "shlex": shlex.quote(secret),
    "html": html.escape(secret),
    "html text": html.escape(secret, quote=False),
    "xml attribute": xml.sax.saxutils.quoteattr(secret, {"\n": "&#10;"}),
    "xml text": wire.split(">", 1)[1].rsplit("<", 1)[0],
    "xml tree": wire.split('"')[1],
}
for name, form in forms.items():
    print(name + "|" + form)
