"""Given names that are known to be names, and the short forms that stand for them."""

_FORMS = """
abigail: abby abbie gail
albert: al bert bertie
alexander: alex alec sandy sasha xander lex
alexandra: alex alexa sandra sandy sasha lexi
alfred: alf alfie fred freddie
alistair: ali al
amanda: mandy
andreas: andi andy
andrew: andy drew
angela: angie
anthony: tony ant
antonia: toni
antonio: toni tony
archibald: archie
arthur: art artie
barbara: babs barb barbie
benjamin: ben benny benji
bernard: bernie
bradley: brad
caroline: carrie caro
catherine: cathy cath cat kate kit
charles: charlie chuck chas chaz
charlotte: charlie lottie lotte
christian: chris
christina: chris chrissie tina
christine: chris chrissie tina
christopher: chris kit topher
clifford: cliff
cynthia: cindy
daniel: dan danny
daniela: dani
danielle: dani
david: dave davy
deborah: debbie deb debra
dennis: denny den
dmitri: dima mitya
dominic: dom nick
dorothy: dot dottie dolly
douglas: doug
edmund: ed eddie ned
edward: ed eddie ned ted teddy
eleanor: ellie nell nora
elena: lena
elisabeth: lisa lisbeth liz beth elsa lili
elizabeth: liz lizzie beth betty betsy eliza libby lisa bess
emily: em emmy
emma: em emmy
ernest: ernie
eugene: gene
evelyn: eve evie
ferdinand: ferdi
florence: flo florrie
frances: fran frankie franny
francesca: fran franca
francis: frank frankie fran
francisco: paco pancho frank
franklin: frank
frederick: fred freddie freddy rick
friederike: rike
friedrich: fritz fred
gabriel: gabe
gabriele: gabi
geoffrey: geoff jeff
george: georgie
gerald: gerry jerry
gerard: gerry
giovanni: gianni nanni vanni
giuseppe: beppe peppe pino
gregory: greg
guillermo: memo
gwendolyn: gwen
hannelore: hanne lore
harold: harry hal
heinrich: heinz heiner
helena: lena
henry: harry hank hal
herbert: herb bert
howard: howie
ignacio: nacho
irene: rene
isaac: ike zac
isabella: bella izzy isa
isabel: izzy isa bel
jacob: jake
jacqueline: jackie
james: jim jimmy jamie jem
janet: jan
jeffrey: jeff
jennifer: jen jenny jenni
jeremy: jerry jez
jessica: jess jessie
joan: joanie
johannes: hans hannes jan jo
john: jack johnny jon
jonathan: jon jonny johnny
jose: pepe
joseph: joe joey jo
josef: sepp jupp
josephine: jo josie
joshua: josh
judith: judy jude
julia: jules
julian: jules
karoline: caro karo
katharina: kathi kati kathe
katherine: kathy kath kat kate katie kit
kathleen: kathy kath kate katie
kenneth: ken kenny
kimberly: kim
kristina: kris tina
laurence: larry laurie
lawrence: larry laurie
leonard: len lenny leo
leonardo: leo
leopold: leo poldi
lillian: lily lil
louis: lou louie
louise: lou lulu
lucy: lu
ludwig: lutz
madeleine: maddie
magdalena: magda lena
manuel: manolo manny
margaret: maggie meg peggy marge margie madge
margarete: grete gretel greta
maria: mia mitzi
marjorie: marge margie
martin: marty
martha: marty
mary: molly polly mae
matthew: matt matty
matthias: matze matt
maximilian: max
megan: meg
melanie: mel
melissa: mel missy lissa
mercedes: merche
michael: mike mick mickey mikey micha michi
michaela: micha michi
mikhail: misha
mildred: millie
miriam: miri mimi
mitchell: mitch
mohammed: mo
mohamed: mo
muhammad: mo
nancy: nan
natalie: nat
natasha: tasha
nathan: nat nate
nathaniel: nat nate
nicholas: nick nicky nico
nicole: nicky nikki
nikolaus: klaus niko
norman: norm
olivia: liv livvy
oliver: ollie
pamela: pam
patricia: pat patty trish tricia
patrick: pat paddy
penelope: penny
peter: pete
philip: phil pip
phillip: phil pip
priscilla: cilla
rachel: rach
raymond: ray
rebecca: becky becca
reginald: reg reggie
richard: dick rick ricky richie rich
robert: rob bob bobby robbie bert bobbie
roberta: bobbie
rodney: rod
roger: rodge
ronald: ron ronnie
rosemary: rosie rose
rudolf: rudi rolf
rupert: rup
russell: russ
salvatore: toto
samantha: sam sammy
samuel: sam sammy
sandra: sandy
sarah: sally sadie
sebastian: seb basti
sergei: seryozha
sidney: sid
solomon: sol
sophia: sophie
stanley: stan
stefan: steffen
stefanie: steffi
stephanie: steph stephie
stephen: steve stevie
steven: steve stevie
stuart: stu
susan: sue susie suzy
susanne: susi sanne
suzanne: sue suzy
sylvester: sly
tabitha: tabby
teresa: terry tess
terence: terry
theodore: ted teddy theo
theresa: terry tess
theresia: resi
thomas: tom tommy
timothy: tim timmy
tobias: tobi toby
ulrich: uli
ulrike: uli
ursula: uschi ulla
valentina: vale
valerie: val
vanessa: nessa
veronica: ronnie vera
victor: vic
victoria: vicky tori vic
vincent: vince vinny
virginia: ginny
vladimir: vova volodya
walter: walt wally
wilhelm: willi willy
william: will bill billy willie liam
winifred: winnie
yekaterina: katya
zachary: zac zach zack
"""

_SPELLINGS = """
alison: allison alyson
brian: bryan
carl: karl
catherine: katherine kathryn cathryn catharine katharine katharina
christina: kristina cristina
claire: clare klara clara
elizabeth: elisabeth
eric: erik erick
frederick: friedrich frederic fredrik
geoffrey: jeffrey jeffery
hannah: hanna
isabel: isabelle isobel
jacob: jakob
lawrence: laurence
lewis: louis luis
lucas: lukas
luca: luka
marc: mark
marcus: markus
matthew: mathew
matthias: mathias
mohammed: mohamed mohammad muhammad
niclas: niklas
nicholas: nicolas nikolaus
oscar: oskar
paulina: pauline
philip: phillip philipp
rachel: rachael
sara: sarah
sean: shaun shawn
sofia: sophia
stephen: steven stefan stephan
susan: suzanne susanne
teresa: theresa theresia
thorsten: torsten
zoe: zoey
"""

_OTHERS = """
adam adrian agnes ahmed aisha alan alana albrecht alejandro alessandro alice alicia alina aline allison amelia amina
amir amy ana anastasia andre andrea anders angel angelo anita anja ann anna anne anneke annette annika antoine anton
antje arnold arthur asha astrid august aurora ava axel beatrice beatriz benedikt bernd bettina bianca birgit bjorn
boris brandon brenda brian bridget bruce bruno bryan camila camille carina carl carla carlo carlos carmen carol carole
carolina caroline cecilia celine chantal chen chiara chloe claire clara claudia claudio clemens connor cora craig
cristina dagmar daisy damian darren dean debra diana diego dieter dirk donald donna doris duncan dylan edith eduardo
elaine elena elias elif elijah elisa elise ella ellen elliot elsa emil emilia emilio emmanuel enrico enrique eric erica
erik erika ernst erwin esteban esther ethan eugen eva fabian fabio fatima federica federico felix fernando fiona
fiorella florian francois franz frida gareth gavin georg georgia georgina gerd gerhard gertrud gina gisela giulia
giulio gloria gordon grace graham guido gunther gustav hana hanna hannah hans harriet hassan hazel heather heidi heike
heinz helen helga helmut henrik herman hilda holger holly horst hubert hugo ian ibrahim ida ines ingrid irina iris
irma isaiah isla ivan ivo jack jaime jakob jan jana jane janina jason javier jay jean jeanne jens jerome jesus jill joachim
joana joann joanna joanne joao joaquin jochen jodie joel jonas jordan jorge jorg juan juana judy jules juliana julie
juliet jurgen kai karen karin karl karla karolina karsten katja kay keith kelly kerstin kevin klara klaus konrad kristin
kurt kyle lara lars laura lauren lea leah leila lena leon leonie leroy leslie lewis li lia liam lidia lilly lily linda
linus lisa logan lorena lorenzo lothar luc luca lucas lucia luciano luis luisa luka lukas luke lydia lynn maja malcolm
manfred mara marc marcel marco marcus margot maria mariana marie marina mario marion marius mark markus marlene marta
martina mathias matteo maurice mauro max maxim maya mehmet mia michel michele michelle miguel mila milan min mira
mohammad moira monica monika moritz mustafa nadia nadine naomi nathalie neil nelly nele nia nicola nicolas nicoletta
niels niklas nina noah noel nora norbert norma olaf oleg olga omar oscar osman oskar otto owen pablo paige paola paolo pascal
patrice paul paula pauline paulina pavel pedro per petra philipp philippa pia pierre priya quentin rafael ralf ralph
ramon raquel raul regina reiner renate rene ricardo riccardo rita roberto robin rocco rodrigo roland rolf roman rosa
rose roxanne ruben ruth ryan sabine sabrina salma sally salvador samir sara saskia scott sean serena sergio shane shannon
sharon shaun sheila shirley sigrid silke silvia simon simona simone sofia sofie sonia sonja sophie stella sten stephane
sven svenja svetlana sybille sylvia sylvie tamara tania tanja tara tatiana ted thea theo thierry thorsten tiffany till tim
tina tom tomas toni tracy trevor udo ulf ulla umar ute uwe valentin vera veronika vicente viktor viktoria vivian volker
wanda wayne wendy werner wolf wolfgang xavier yara yasmin yolanda yusuf yves yvonne zahra zara zoe
"""


def _formal_names() -> dict[str, frozenset[str]]:
    meanings: dict[str, set[str]] = {}
    for line in (_FORMS + _SPELLINGS).split("\n"):
        formal, _, short = line.partition(": ")
        for name in (formal, *short.split()):
            if name:
                meanings.setdefault(name, set()).add(formal)
    return {name: frozenset(formals) for name, formals in meanings.items()}


FORMAL_NAMES = _formal_names()
"""Name -> the formal names it may stand for; a formal name stands for itself too."""

KNOWN = frozenset(FORMAL_NAMES) | frozenset(_OTHERS.split())
"""Names of which two different ones are never a misspelling of each other."""
