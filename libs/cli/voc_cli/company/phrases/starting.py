"""Phrases of people who look around, sign up and set up."""

from voc_cli.company.phrases.entry import Entry

ENTRIES = {
    "misleading_ad": Entry(
        0.5,
        -0.35,
        (
            "The banner said free for a year, inside it turns out to be {n} weeks.",
            "Your advert on the train promises bank feeds for everyone, they come only with the big plan.",
            "What the video shows has little to do with what I got after buying.",
            "The salesperson swore that payroll was included. It is not.",
            "You claim 'set up in five minutes' everywhere. We are on day {n}.",
            "I came because of the offer in the newsletter and at the till it was gone.",
            "The comparison chart on your home page simply isn't true any more.",
        ),
    ),
    "pricing_unclear": Entry(
        0.8,
        -0.15,
        (
            "I can't work out from the site what we'd pay with {n} employees.",
            "Does the {amount} include VAT or not? It says so nowhere.",
            "Which of the three plans has card payments in it? The table left me none the wiser.",
            "Is that per user or per company? I read the page twice.",
            "What happens to the fee once I go over {n} invoices?",
            "Could somebody spell out what the transaction fee is on top of the monthly one?",
            "Looked for a price list that a normal person can read and gave up.",
        ),
    ),
    "trial": Entry(
        0.6,
        -0.1,
        (
            "My test period ran out before I had imported a single customer, any chance of a few more days?",
            "Could I try payroll for {n} days before I commit?",
            "I never got round to testing, my free days are over. Can you reopen them?",
            "The demo account blocks exactly the part I need to see.",
            "Half of the menu is greyed out while I'm only trying it out.",
            "Is a credit card really needed just to have a look around?",
        ),
    ),
    "verification": Entry(
        0.9,
        -0.45,
        (
            "Registered {when}, and the mail with the activation link never reached me.",
            "I press 'send again' on the confirmation page and my inbox stays empty, junk folder too.",
            "The link in your welcome message says it has expired the second I click it.",
            "Cannot finish opening an account: the code you text me never comes.",
            "{who} waited {mins} minutes for the confirmation mail and then gave up.",
            "Your sign-up form takes my details, thanks me, and that's the last I hear.",
            "Created our company profile on {day} and still can't activate it.",
            "It tells me the address is already registered, yet there was never a mail to confirm it.",
            "New starter here, stuck at 'check your email'. Nothing to check.",
        ),
        breaks=True,
    ),
    "setup_confusing": Entry(
        1.1,
        -0.25,
        (
            "Where do I begin? After the first login there's an empty page and {n} menus.",
            "I've been through the wizard twice and still don't know whether my tax settings are right.",
            "What on earth is an opening balance and what do I type there?",
            "Could someone walk me through the first steps, I'm a joiner not an accountant.",
            "The checklist sends me in circles between bank details and company details.",
            "We spent {mins} minutes looking for where to upload our logo.",
            "Is there a beginner's guide? The one I found shows screens that look different.",
            "I must have missed a step, none of my customers turn up anywhere.",
        ),
    ),
    "import_fails": Entry(
        0.9,
        -0.4,
        (
            "Uploading our customer list stops at {n} per cent with 'unknown error'.",
            "The spreadsheet from our old program is refused, it doesn't say which row is wrong.",
            "Brought over {n} contacts and all the surnames ended up in the phone column.",
            "Half of our old invoices did not make it across.",
            "I followed the template to the letter and your uploader still spits the CSV out.",
            "Moving from our former supplier is a nightmare, the transfer of past records dies every time.",
            "All the umlauts and pound signs turned to gibberish when I loaded our file.",
            "Since {day} no file goes through, not even your own sample sheet.",
            "The migration reported success, the ledger is empty.",
        ),
        breaks=True,
    ),
    "no_human_start": Entry(
        0.4,
        -0.3,
        (
            "We were promised somebody to help us get going, that person has never rung.",
            "My onboarding session was called off twice, now it's {month}.",
            "Nobody showed up to the kick-off call on {day}.",
            "The consultant assigned to us left and no one took over.",
            "A short training for {n} colleagues would be nice, how do we book that?",
        ),
    ),
}
