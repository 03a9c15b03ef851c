"""The store as boto3 sees it, past the server: STORE is its address, ENDPOINT
its URL."""

import os
from urllib.parse import urlparse

import boto3

STORE = os.environ["STORE"]
bucket = boto3.resource("s3", endpoint_url=os.environ["ENDPOINT"], region_name="us-east-1").Bucket(urlparse(STORE).netloc)


def objects(below):
    """Keys and tags of the objects below a path from the store's root."""
    prefix = f"{urlparse(STORE).path.strip('/')}/{below}/"
    return {o.key.removeprefix(prefix): o.e_tag.strip('"') for o in bucket.objects.filter(Prefix=prefix) if not o.key.endswith("/")}
