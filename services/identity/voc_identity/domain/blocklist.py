"""Values that look like identifiers and identify nobody."""


def words(text: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(text.split())


SENDERS = words("""
noreply no-reply donotreply do-not-reply nicht-antworten noresponder nepasrepondre mailer-daemon
mailerdaemon postmaster bounce bounces notification notifications notify alerts auto-reply
autoreply daemon root www-data abuse hostmaster
""")
"""Local parts of machines: neither a person nor a customer's company."""

ROLES = words("""
info contact contacts kontakt contacto support help helpdesk service services kundenservice
customerservice customer-service customercare care sales vertrieb ventas billing invoice invoices
rechnung accounting accounts buchhaltung finance office buero admin administrator webmaster team
hello hallo hi hola mail email post enquiries enquiry inquiries inquiry feedback marketing press
presse media jobs careers hr orders order bestellung shop store reception bookings booking
reservations newsletter subscribe unsubscribe security privacy datenschutz legal it edv purchasing
einkauf procurement operations ops dev developers everyone all staff undisclosed-recipients
""")
"""Local parts that many people of one company share: no person, but the company."""

FAKES = words("""
test tests tester testing test1 test123 asdf asdfasdf qwerty abc abc123 foo bar foobar fake none
nomail noemail no-email noaddress na n-a null undefined nobody nobody1 unknown anonymous anon
guest user username name email1 xxx aaa example sample demo dummy someone somebody deleted removed
placeholder
""")
"""Local parts typed to get past a form."""

EXAMPLE_DOMAINS = words("""
example.com example.org example.net example.edu test.com test.de domain.com yourdomain.com
mydomain.com company.com yourcompany.com nomail.com noemail.com none.com fake.com asdf.com
""")
SPECIAL_TOPS = words("""
test invalid localhost local arpa onion internal lan
""")
"""Top-level domains that no mail reaches (RFC 2606, 6761, 6762); `example` is left to demos and documents."""

PUBLIC_INBOXES = words("""
mailinator.com guerrillamail.com guerrillamail.info sharklasers.com 10minutemail.com yopmail.com
trashmail.com tempmail.com temp-mail.org throwawaymail.com maildrop.cc getnada.com dispostable.com
mailnesia.com mintemail.com spamgourmet.com wegwerfmail.de
""")
"""Mailboxes that anybody may read and use."""

FREEMAIL = words("""
gmail.com googlemail.com icloud.com me.com mac.com msn.com passport.com aol.com aim.com mail.com
email.com gmx.net gmx.de gmx.at gmx.ch web.de t-online.de freenet.de arcor.de online.de posteo.de
mailbox.org proton.me protonmail.com protonmail.ch pm.me tutanota.com tuta.io fastmail.com
fastmail.fm hey.com zoho.com hushmail.com runbox.com bluewin.ch sunrise.ch orange.fr wanadoo.fr
free.fr laposte.net sfr.fr libero.it virgilio.it tiscali.it alice.it tin.it terra.es
telefonica.net ziggo.nl kpnmail.nl xs4all.nl home.nl skynet.be telenet.be wp.pl onet.pl o2.pl
interia.pl seznam.cz centrum.cz mail.ru bk.ru list.ru inbox.ru yandex.ru yandex.com rambler.ru
ukr.net qq.com 163.com 126.com sina.com foxmail.com naver.com daum.net hanmail.net rediffmail.com
uol.com.br bol.com.br terra.com.br comcast.net verizon.net att.net sbcglobal.net bellsouth.net
cox.net charter.net earthlink.net juno.com rocketmail.com ymail.com btinternet.com sky.com
talktalk.net virginmedia.com ntlworld.com blueyonder.co.uk bigpond.com optusnet.com.au shaw.ca
rogers.com privaterelay.appleid.com
""")
FREEMAIL_BRANDS = words("""
yahoo hotmail outlook live gmx aol googlemail windowslive
""")
"""First labels of providers with a domain in every country."""

NO_IDS = words("""
null none nil nan na n/a undefined unknown anonymous anon guest test default -1 - . ? x
""")
"""External ids that an integration sends when it has none; all zeros are the same."""


def is_freemail(domain: str) -> bool:
    """Whether `domain` (lower case) belongs to a provider and so says nothing of a company."""
    return domain in FREEMAIL or (
        domain.count(".") < 3 and domain.partition(".")[0] in FREEMAIL_BRANDS
    )
