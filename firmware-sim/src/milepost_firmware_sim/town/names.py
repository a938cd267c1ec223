"""Names for a town that does not exist; every name is made up and used once."""

from random import Random

_BEGINNINGS = (
    "Alder", "Amber", "Barrow", "Bell", "Birk", "Bram", "Brind", "Calder", "Carrow", "Chant",
    "Copper", "Cress", "Dapple", "Dunner", "Elder", "Fallow", "Fenner", "Finch", "Garner",
    "Gilder", "Hallow", "Harl", "Hazel", "Heron", "Ister", "Jasper", "Kestrel", "Kindle",
    "Larch", "Linnet", "Lorn", "Mallow", "Marl", "Merle", "Nettle", "Oster", "Otter", "Pell",
    "Quill", "Raven", "Rowan", "Saddler", "Sorrel", "Tansy", "Tarn", "Thistle", "Umber",
    "Vesper", "Wander", "Whin", "Yarrow",
)  # fmt: skip
_ENDINGS = ("", "croft", "dale", "field", "gate", "ham", "mere", "stead", "thwaite", "wick", "wold")
_SORTS = {
    "primary": ("Avenue", "Road"),
    "secondary": ("Road", "Street"),
    "residential": ("Street", "Way", "Close", "Terrace", "Rise", "Walk", "Gardens"),
    "lane": ("Lane", "Alley", "Row", "Passage", "Yard"),
    "park": ("Park", "Common", "Meadow"),
}
_TOWNS = ("Wendlebrook", "Harlstead", "Ostermere", "Brindlow", "Calderwick", "Fennerby")
_RIVERS = ("Lissel", "Orme Water", "Tarrow", "Windle", "Merrin")


class Names:
    """Hands out names; the same random numbers give the same names."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._stems = [begin + end for begin in _BEGINNINGS for end in _ENDINGS]
        random.shuffle(self._stems)

    def street(self, rank: str) -> str:
        """Return a new name for a street or park of this rank."""
        return f"{self._stems.pop()} {self._random.choice(_SORTS[rank])}"

    def town(self) -> str:
        """Return the town's name."""
        return self._random.choice(_TOWNS)

    def river(self) -> str:
        """Return the river's name."""
        return self._random.choice(_RIVERS)
