# SPDX-License-Identifier: Apache-2.0
"""The licence of a Debian package, in SPDX's words, from its copyright file."""

import re

# Debian's short names that SPDX has under another one; those of one pattern are translated below.
RENAMED = {"Expat": "MIT", "ZLIB": "Zlib", "CC0": "CC0-1.0", "MPL-2": "MPL-2.0", "Artistic": "Artistic-1.0-Perl"}
SAME = {"MIT", "ISC", "X11", "curl", "Zlib", "OLDAP-2.8", "BSL-1.0", "CC0-1.0", "MPL-2.0", "Unlicense"}


# Of these a program may have code from headers without a notice: GCC's runtime exception says so, and section 3 of the LGPL
# of inline functions as short as those of the C library and GMP.
WITHOUT_NOTICE = re.compile(r"libstdc\+\+-\d+-dev|libgcc-\d+-dev|libc6-dev|linux-libc-dev|libgmp-dev")


def asks_for_notice(package):
    """Whether who hands out a binary with code of this package has to say whose it is, and under which licence."""
    return not WITHOUT_NOTICE.fullmatch(package)


def paragraphs(text):
    """The fields of each paragraph of a machine-readable copyright file; continued lines keep their breaks."""
    for block in re.split(r"\n[ \t]*\n", text):
        fields = {}
        name = None
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and name:
                fields[name] += "\n" + ("" if line.strip() == "." else line.strip())
            elif ":" in line:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        yield fields


def spdx_name(name, full_texts, texts):
    """One licence's name for SPDX; one that SPDX does not know is LicenseRef-NAME, and its text is put into `texts`."""
    gnu = re.fullmatch(r"(L?GPL|AGPL|GFDL)-(\d)(?:\.(\d))?(\+?)", name)
    bsd = re.fullmatch(r"BSD-([234])-[Cc]lause", name)
    apache = re.fullmatch(r"Apache-2(\.0)?", name)
    if gnu:
        return f"{gnu[1]}-{gnu[2]}.{gnu[3] or 0}-{'or-later' if gnu[4] else 'only'}"
    if bsd:
        return f"BSD-{bsd[1]}-Clause"
    if apache:
        return "Apache-2.0"
    if name in RENAMED or name in SAME:
        return RENAMED.get(name, name)
    reference = "LicenseRef-Debian-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)
    texts[reference] = (name, full_texts.get(name) or f"Debian's copyright file says no more than: {name}")
    return reference


def expression(words, full_texts, texts):
    """ "GPL-2+ or LGPL-3+, and Expat" as SPDX writes it. A comma binds less than "and" and "or" do."""
    parts = []
    for part in re.split(r",\s*(?:and\s+)?", words):
        names = re.split(r"\s+(and|or)\s+", part.strip())
        written = [token.upper() if place % 2 else spdx_name(token, full_texts, texts) for place, token in enumerate(names)]
        parts.append(" ".join(written) if len(written) == 1 else f"({' '.join(written)})")
    return parts[0].removeprefix("(").removesuffix(")") if len(parts) == 1 else " AND ".join(parts)


def licence_of(copyright_file, texts):
    """(SPDX expression, comment) of a package; of licences that SPDX does not know, the text goes into `texts`."""
    text = copyright_file.read_text(errors="replace")
    where = f"/usr/share/doc/{copyright_file.parent.name}/copyright"
    if not re.match(r"\s*Format(-Specification)?:", text):
        return "NOASSERTION", f"{where} is not machine-readable"
    found = [fields for fields in paragraphs(text) if "License" in fields]
    full_texts = {}
    for fields in found:
        name, _, body = fields["License"].partition("\n")
        if body and "Files" not in fields or name not in full_texts:
            full_texts[name] = body.strip()
    whole = [fields["License"].split("\n")[0] for fields in found if fields.get("Files") == "*"]
    others = sorted({fields["License"].split("\n")[0] for fields in found if "Files" in fields and fields["Files"] != "*"} - set(whole))
    besides = f"; of some files it says: {'; '.join(others)}" if others else ""
    if len(whole) != 1:
        return "NOASSERTION", f"{where} names no licence of the whole{besides}"
    return expression(whole[0], full_texts, texts), f"from {where}{besides}"


def notice_of(copyright_file):
    """(copyright, licence's name, its text) of a package, as its copyright file has them. Of its parts those count that are
    under the licence of the whole; what Debian added is in no header."""
    found = [fields for fields in paragraphs(copyright_file.read_text(errors="replace")) if "License" in fields]
    whole = {fields["License"].split("\n")[0] for fields in found if fields.get("Files") == "*"}
    if len(whole) != 1:
        raise SystemExit(f"{copyright_file} does not say under which licence the whole is")
    name = whole.pop()
    parts = [fields for fields in found if fields.get("Files", "debian/*") != "debian/*" and fields["License"].split("\n")[0] == name]
    holders = [line for fields in parts for line in fields["Copyright"].split("\n") if line]
    texts = [text for title, _, text in (fields["License"].partition("\n") for fields in found) if title == name and text]
    if not holders or not texts:
        raise SystemExit(f"{copyright_file} does not say whose it is, or lacks the text of its licence")
    return list(dict.fromkeys(holders)), name, texts[0]
