"""Phrases of people who look around, sign up, take more, leave and return."""

from voc_cli.company.phrases.entry import Entry

ENTRIES = {
    "misleading-offer": Entry(
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
            "{amount} a month it said on the poster. On the bill it says more.",
        ),
    ),
    "plan-question": Entry(
        0.8,
        -0.15,
        (
            "I can't work out from the site what we'd pay with {n} employees.",
            "Does the {amount} include VAT or not? It says so nowhere.",
            "Which of the three plans has card payments in it? The table left me none the wiser.",
            "Do I pay for each of us or once for the whole firm? I read the page twice.",
            "What happens to the fee once I go over {n} invoices?",
            "Could somebody spell out what the transaction fee is on top of the monthly one?",
            "Looked for a price list that a normal person can read and gave up.",
            "Could I try payroll for {n} days before I commit, and what would it cost after?",
        ),
    ),
    "signup-failure": Entry(
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
    "plan-limit": Entry(
        0.5,
        -0.05,
        (
            "It tells me I've used up my {n} bills for {month} and won't let me write another.",
            "We're {n} people now and the package stops at five.",
            "'Quota exceeded' whenever I add one more customer.",
            "Storage for receipts is full, what are my choices?",
            "Ran into the ceiling of the small package in the middle of the month.",
            "How many employees may I have in payroll before I need something bigger?",
            "My allowance of card transactions seems to be gone by the {n}th each month.",
            "Can I go past {n} payslips just this once?",
        ),
    ),
    "upgrade-friction": Entry(
        0.5,
        -0.2,
        (
            "We've grown, how do we move to the bigger plan without losing our numbers?",
            "The switch to the larger package went through but the new menus don't show.",
            "Tried to buy {n} more seats, the page sends me back to where I came from.",
            "I've asked twice for an offer for our second shop and nobody has come back.",
            "We'd like payroll on top, there's no way to order it from inside.",
            "Clicking 'go bigger' only opens a contact form that then fails.",
            "Want to hand you more money for the large plan; apparently one has to ring and no one answers.",
        ),
    ),
    "left-for-competitor": Entry(
        0.5,
        -0.45,
        (
            "We've moved our books to another provider, just so you know.",
            "By {month} we'll be with the competition, they do bank feeds properly.",
            "Signed with someone else {when}. It was a long time coming.",
            "You lost us to a firm that picks up the phone.",
            "Our accountant talked us into a different package, sorry.",
            "After {n} months we have switched suppliers and don't look back.",
            "Said goodbye and took all {n} of our people over to your rival.",
        ),
    ),
    "reactivation": Entry(
        0.4,
        0.1,
        (
            "We left in {month} and, I'll admit it, we would like to be customers again.",
            "Is my former profile with all the old bills still there? I'm thinking of returning.",
            "Can you switch our closed account back on?",
            "What would you offer somebody who comes home after {n} months elsewhere?",
            "If you did quotes in the app now I'd be back tomorrow.",
            "Closed the shop for a while, starting anew in {month}: may I have my numbers back?",
            "Two years away, and I miss the receipt thing. How do I rejoin?",
        ),
    ),
}
