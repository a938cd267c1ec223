"""People who wait for parcels; all made up, and nobody can be reached under what is told of them.

Phone numbers are of the ranges that regulators keep for films and books: Bundesnetzagentur, (0)30
23125 000 to 999; Ofcom, 07700 900000 to 900999. `example.com` belongs to nobody (RFC 2606).
"""

from random import Random

from milepost_schemas.plan import Contact

_GIVEN = (
    "Ada", "Anton", "Bela", "Carla", "Cyrus", "Dunja", "Edda", "Emil", "Fenja", "Gwen", "Hanno",
    "Ida", "Ivo", "Jonna", "Kian", "Lea", "Linus", "Malik", "Mira", "Nils", "Orla", "Otis", "Pia",
    "Quentin", "Rasmus", "Selma", "Tarik", "Thea", "Ulla", "Vida", "Wanja", "Yara", "Zeno",
)  # fmt: skip
_FAMILY = (
    "Abelstedt", "Birkhahn", "Clovering", "Dornquast", "Ellerwick", "Farnholm", "Grauvogel",
    "Halmsen", "Ihlefeld", "Jorgate", "Kestwell", "Lindwurm", "Marlgrove", "Nettlebeck",
    "Ostertal", "Pellmoor", "Quendel", "Ravenau", "Silbersee", "Tannhof", "Ulmenried",
    "Vogelsand", "Wendling", "Yarrowby", "Zaunkamp",
)  # fmt: skip
_SHOPS = ("Apotheke", "Bakery", "Bikes", "Books", "Cafe", "Flowers", "Optik", "Shoes", "Tea")
_NOTES = {
    "en": ("Ring twice", "Leave it in the porch", "The bell is broken: knock", "Third floor"),
    "de": ("Bitte beim Nachbarn klingeln", "Hinterhaus, zweiter Stock", "Hund ist friedlich"),
}  # fmt: skip
_NOTE_SHARE = 0.2
_GERMAN_SHARE = 0.5
_NO_PHONE_SHARE, _NO_EMAIL_SHARE = 0.1, 0.15


def contact_at(address: str, *, is_shop: bool) -> Contact:
    """Return who lives, or sells, at an address: always the same."""
    random = Random(f"who is at {address}")  # noqa: S311 - a drawing, not a secret
    locale = "de" if random.random() < _GERMAN_SHARE else "en"
    given, family = random.choice(_GIVEN), random.choice(_FAMILY)
    name = f"{family} {random.choice(_SHOPS)}" if is_shop else f"{given} {family}"
    number = random.randrange(1000)
    phone = f"+493023125{number:03}" if locale == "de" else f"+447700900{number:03}"
    mailbox = name.lower().replace(" ", ".")
    no_phone = random.random() < _NO_PHONE_SHARE
    no_email = not no_phone and random.random() < _NO_EMAIL_SHARE
    return Contact(
        name=name,
        phone=None if no_phone else phone,
        email=None if no_email else f"{mailbox}@example.com",
        locale=locale,
        note=random.choice(_NOTES[locale]) if random.random() < _NOTE_SHARE else None,
    )
