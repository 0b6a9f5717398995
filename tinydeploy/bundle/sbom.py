"""The bill of materials of a bundle, as SPDX 2.3 in JSON: its files, and what made them.

The specification: https://spdx.github.io/spdx-spec/v2.3/.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinydeploy import __version__

SBOM = "sbom.spdx.json"
_HEADER = re.compile(rb"SPDX-License-Identifier: ([A-Za-z0-9.-]+)")
_FIRMWARE_LICENSE, _TOOL_LICENSE = "0BSD", "MIT"
_OURS = "Copyright the tinydeploy authors"
_GCC_LICENSE = "GPL-3.0-or-later WITH GCC-exception-3.1"
# Of the zip's first moment, as all times in a bundle: what it says does not depend on when.
_CREATED = "1980-01-01T00:00:00Z"


@dataclass(frozen=True)
class Component:
    """A program or package that took part.

    Args:
        name: As its distributors call it.
        version: Of it.
        license: An SPDX expression; "NOASSERTION" where nobody has said.
        purl: Package URL; "" where there is none.
        linked: Parts of it are in the image.
    """

    name: str
    version: str
    license: str = "NOASSERTION"
    purl: str = ""
    linked: bool = False


def list_compiler(version: str) -> tuple[Component, ...]:
    """A compiler, by the first line that it says of itself, and its library that is linked."""
    if "gcc" not in version.lower():
        name = "Apache-2.0 WITH LLVM-exception"
        return (Component("clang", version, name),)
    return (
        Component("arm-none-eabi-gcc", version, _GCC_LICENSE),
        Component("libgcc", version, _GCC_LICENSE, linked=True),
    )


def write_sbom(name: str, files: Mapping[str, bytes], components: Sequence[Component]) -> bytes:
    """The document.

    Args:
        name: Of the model and its board.
        files: All files of the bundle by path, but for the sums and this one.
        components: What they were made with.
    """
    entries = [_describe_file(path, files[path]) for path in sorted(files)]
    sums = sorted(entry["checksums"][0]["checksumValue"] for entry in entries)
    code = hashlib.sha1("".join(sums).encode(), usedforsecurity=False).hexdigest()
    licenses = sorted({text for entry in entries for text in entry["licenseInfoInFiles"]})
    product = {
        "SPDXID": "SPDXRef-Bundle",
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True,
        "packageVerificationCode": {
            "packageVerificationCodeValue": code,
            "packageVerificationCodeExcludedFiles": [f"./{SBOM}", "./SHA256SUMS"],
        },
        "licenseConcluded": "NOASSERTION",
        "licenseInfoFromFiles": licenses,
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "FIRMWARE",
    }
    tools = [
        Component("tinydeploy", __version__, _TOOL_LICENSE),
        *components,
    ]
    packages = [product, *(_describe(each, k) for k, each in enumerate(tools))]
    relationships = [_relate("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Bundle")]
    relationships += [_relate("SPDXRef-Bundle", "CONTAINS", entry["SPDXID"]) for entry in entries]
    for k, each in enumerate(tools):
        if each.linked:
            relationships.append(_relate("SPDXRef-Bundle", "STATIC_LINK", f"SPDXRef-Tool-{k}"))
        else:
            relationships.append(_relate(f"SPDXRef-Tool-{k}", "BUILD_TOOL_OF", "SPDXRef-Bundle"))
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://tinydeploy.invalid/spdx/{name}-{code}",
        "creationInfo": {"created": _CREATED, "creators": [f"Tool: tinydeploy-{__version__}"]},
        "packages": packages,
        "files": entries,
        "relationships": relationships,
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def find_license(path: str, content: bytes) -> str:
    """The licence of a file: as its header says, or of the folder that it lies in."""
    if match := _HEADER.search(content[:300]):
        return match[1].decode()
    if path.startswith("firmware/"):
        return _FIRMWARE_LICENSE
    return _TOOL_LICENSE if path in ("verify.py", "README.txt") else "NOASSERTION"


def _describe_file(path: str, content: bytes) -> dict[str, Any]:
    license_id = find_license(path, content)
    return {
        "SPDXID": f"SPDXRef-File-{hashlib.sha256(path.encode()).hexdigest()[:16]}",
        "fileName": f"./{path}",
        "checksums": [
            {
                "algorithm": "SHA1",
                "checksumValue": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            },
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()},
        ],
        "licenseConcluded": license_id,
        "licenseInfoInFiles": [license_id],
        "copyrightText": "NOASSERTION" if license_id == "NOASSERTION" else _OURS,
    }


def _describe(component: Component, number: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "SPDXID": f"SPDXRef-Tool-{number}",
        "name": component.name,
        "versionInfo": component.version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": component.license,
        "copyrightText": "NOASSERTION",
    }
    if component.purl:
        entry["externalRefs"] = [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": component.purl,
            }
        ]
    return entry


def _relate(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
