"""Names from which the demo company's people and firms are drawn."""

_GIVEN = """
Aaliyah Aaron Abigail Adele Agnes Aidan Alasdair Alice Amara Amelia Amir Andrew Angus Anika
Anthony Arjun Asha Audrey Barbara Beatrice Benedict Bethan Blessing Bridget Callum Carmen
Caroline Catherine Cecily Charles Chidi Chloe Christopher Clara Conor Daisy Daniel Daphne Darius
Deborah Declan Dilip Dominic Edith Edward Eilidh Elaine Eleanor Elif Elizabeth Emeka Emily Esme
Ethan Fatima Felix Fergus Fiona Florence Frances Freya Gareth George Gethin Gillian Grace Greta
Hamish Hannah Harriet Haruka Hector Helen Hilda Hugo Idris Imogen Imran Ines Iris Isaac Isla
Ivan Jacob James Jasmine Jennifer Joanna Jonathan Josephine Judith Kamila Karim Katherine Keir
Kenneth Kiran Lachlan Laura Leila Lewis Lorna Louisa Lucian Lydia Mabel Magnus Malcolm Margaret
Marcus Martha Matthew Meera Michael Miriam Mohammed Morag Nadia Naomi Natasha Neil Niamh
Nicholas Nigel Noor Olivia Omar Oscar Owen Patricia Patrick Philippa Pradeep Priya Rachel Rafael
Rebecca Rhiannon Robert Rosalind Rowan Ruth Samuel Sandra Sanjay Saskia Sean Selma Shreya Sienna
Simon Sofia Stephen Susan Tamsin Tariq Teresa Thomas Tobias Tomasz Una Valerie Victor Vikram
Violet Walter Wendy William Winifred Yasmin Yusuf Zara Zoe
"""

_FAMILY = """
Abbott Adeyemi Ahmed Ainsworth Akhtar Allardyce Anand Archer Ashdown Atherton Bakshi Bannerman
Barraclough Beaumont Begum Bellamy Bhatt Birchall Blackwood Boateng Bracken Brannigan Broadbent
Brookfield Buchanan Cadwallader Callaghan Campion Carrick Chatterjee Chaudhry Clegg Colquhoun
Corrigan Cotterill Crabtree Cullen Dalgleish Danso Davenport Delaney Desai Dhillon Dinsdale
Donnelly Drummond Dunstan Earnshaw Eccles Edozie Elphick Fairbairn Farrant Fenwick Finnegan
Fitzroy Forsyth Gallagher Garside Ghosh Gilchrist Glover Goodfellow Gorman Greenhalgh Grimshaw
Gupta Hadley Haldane Hargreaves Hassan Hathaway Heaney Hebden Hollis Holroyd Hussain Iqbal Ivory
Jardine Joshi Kapoor Kavanagh Keane Kendrick Khalid Kinsella Kowalczyk Lafferty Langford
Lattimer Lockhart Lovell Macaulay Maddox Mahmood Malhotra Marchetti Mbeki McAllister McCrae
Mehta Merriweather Middleton Montague Mukherjee Mulligan Nandi Nesbitt Newbold Nkosi Novak Nowak
Obi Odell Ogilvie Okafor Osei Oyelaran Pankhurst Parekh Patel Pemberton Penhaligon Petrov
Pickering Popescu Prendergast Quayle Quigley Rafferty Rahman Ramsbottom Redfern Rennie Romano
Rostron Rutherford Sandhu Santos Scholes Shackleton Sharma Sheridan Silva Sinclair Skelton
Slater Stapleton Strachan Sutcliffe Swindells Talbot Tattersall Thackeray Thwaites Trelawney
Udoh Underhill Unsworth Usman Vance Varma Vaughan Wadsworth Wainwright Walcott Warburton
Weatherall Whitaker Winstanley Wolstenholme Wray Yeats Yilmaz Zielinski
"""

_PLACES = """
Harbour Mill Castle Orchard Bridge Station Market Abbey Quay Meadow Hillside Riverside Park
Chapel Foundry Canal Lighthouse Cathedral Priory Willow Heron Kestrel Juniper Bramble Thistle
Granite Copper Silver Northgate Southbank Eastfield Westbury Lakeside Moorland Valley Summit
Beacon Forge Cobble Lantern
"""

_TRADES = """
Bakery Plumbing Joinery Florists Physio Tutors Optics Cycles Roofing Catering Vets Dental Design
Electrical Framing Garages Interiors Landscapes Logistics Printing Scaffolding Tailors
Upholstery Brewing Pottery Childcare Accountants Architects Surveyors Lettings Packaging
Engineering Foods Textiles Marine Fitness Events Studios Books Glazing
"""

GIVEN = tuple(_GIVEN.split())
FAMILY = tuple(_FAMILY.split())
PLACES = tuple(_PLACES.split())
TRADES = tuple(_TRADES.split())

SHORT = {
    "Abigail": "Abi",
    "Andrew": "Andy",
    "Anthony": "Tony",
    "Catherine": "Cathy",
    "Charles": "Charlie",
    "Christopher": "Chris",
    "Daniel": "Dan",
    "Deborah": "Debbie",
    "Edward": "Ted",
    "Elizabeth": "Liz",
    "Jennifer": "Jen",
    "Jonathan": "Jon",
    "Katherine": "Kate",
    "Kenneth": "Ken",
    "Margaret": "Maggie",
    "Matthew": "Matt",
    "Michael": "Mike",
    "Nicholas": "Nick",
    "Patricia": "Pat",
    "Philippa": "Pippa",
    "Rebecca": "Becky",
    "Robert": "Rob",
    "Samuel": "Sam",
    "Stephen": "Steve",
    "Susan": "Sue",
    "Thomas": "Tom",
    "Victor": "Vic",
    "William": "Bill",
}

NUMBER_BLOCKS = tuple(
    f"+44{area}{block}"
    for area, block in (
        ("20", "79460"),
        ("29", "20180"),
        ("28", "96496"),
        *(
            (area, "4960")
            for area in ("113", "114", "116", "117", "118", "121", "131", "141", "151", "161")
        ),
        ("191", "4980"),
    )
)
"""Number ranges that the regulator keeps free for drama: valid in form, and nobody's."""
