"""Estimates against what real vocabularies make of the same texts."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot.tokens import estimate

# The language or kind, the tokens that the hungrier of Llama 3 and o200k needs, the text.
EVERYDAY = [
    (
        "en",
        62,
        (
            "Hello, I ordered a pair of running shoes two weeks ago and they still haven't "
            'arrived. The tracking page says "in transit" since last Tuesday. Could you '
            "please check what happened to my parcel? If it is lost I would like a refund or "
            "a replacement, whichever is faster. Thanks a lot!"
        ),
    ),
    (
        "en_long",
        62,
        (
            "Our warranty covers manufacturing defects for twenty-four months from the date "
            "of delivery. Unfortunately, accidental damage, misuse and unauthorised "
            "modifications aren't covered. Please photograph the damaged component, including "
            "the serial number, and attach the photographs to your correspondence; our "
            "technicians' evaluation usually takes between three and five business days."
        ),
    ),
    (
        "de",
        84,
        (
            "Guten Tag, ich habe vor zwei Wochen ein Paar Laufschuhe bestellt und die "
            "Lieferung ist immer noch nicht angekommen. Die Sendungsverfolgung zeigt seit "
            "Dienstag keine Änderung. Könnten Sie bitte prüfen, ob das Paket verloren "
            "gegangen ist? Ich hätte gern eine Rückerstattung oder Ersatzlieferung."
        ),
    ),
    (
        "fr",
        70,
        (
            "Bonjour, j'ai commandé une paire de chaussures il y a deux semaines et elles ne "
            "sont toujours pas arrivées. Pourriez-vous vérifier ce qui s'est passé ? Si le "
            "colis est perdu, je voudrais être remboursé ou recevoir un remplacement, s'il "
            "vous plaît."
        ),
    ),
    (
        "es",
        58,
        (
            "Hola, hice un pedido hace dos semanas y todavía no ha llegado. ¿Podrían "
            "comprobar qué ha pasado con mi paquete? Si se ha perdido, quisiera un reembolso "
            "o un reemplazo, lo que sea más rápido."
        ),
    ),
    (
        "pl",
        84,
        (
            "Dzień dobry, dwa tygodnie temu zamówiłem parę butów do biegania i przesyłka "
            "wciąż nie dotarła. Czy mogliby Państwo sprawdzić, co się stało z moją paczką? "
            "Jeśli zaginęła, chciałbym otrzymać zwrot pieniędzy."
        ),
    ),
    (
        "tr",
        54,
        (
            "Merhaba, iki hafta önce bir çift koşu ayakkabısı sipariş ettim ve hâlâ gelmedi. "
            "Kargomun durumunu kontrol edebilir misiniz? Kaybolduysa para iadesi veya "
            "yenisini göndermenizi istiyorum."
        ),
    ),
    (
        "fi",
        85,
        (
            "Hei, tilasin juoksukengät kaksi viikkoa sitten, eivätkä ne ole vieläkään "
            "saapuneet. Voisitteko ystävällisesti tarkistaa, mitä paketilleni on tapahtunut? "
            "Jos se on kadonnut, haluaisin hyvityksen tai uuden lähetyksen."
        ),
    ),
    (
        "vi",
        50,
        (
            "Xin chào, tôi đã đặt một đôi giày chạy bộ cách đây hai tuần nhưng vẫn chưa nhận "
            "được. Bạn có thể kiểm tra giúp tôi gói hàng đang ở đâu không? Nếu bị thất lạc, "
            "tôi muốn được hoàn tiền."
        ),
    ),
    (
        "ru",
        62,
        (
            "Здравствуйте, я заказал пару кроссовок две недели назад, и они до сих пор не "
            "пришли. Не могли бы вы проверить, что случилось с моей посылкой? Если она "
            "потеряна, я хотел бы вернуть деньги или получить замену."
        ),
    ),
    (
        "uk",
        63,
        (
            "Добрий день, я замовив пару кросівок два тижні тому, і вони досі не прийшли. Чи "
            "не могли б ви перевірити, що сталося з моєю посилкою? Якщо її загублено, я хотів "
            "би повернути гроші."
        ),
    ),
    (
        "el",
        75,
        (
            "Καλημέρα, παρήγγειλα ένα ζευγάρι αθλητικά παπούτσια πριν από δύο εβδομάδες και "
            "δεν έχουν φτάσει ακόμα. Μπορείτε να ελέγξετε τι συνέβη με το δέμα μου; Αν έχει "
            "χαθεί, θα ήθελα επιστροφή χρημάτων."
        ),
    ),
    (
        "zh",
        57,
        (
            "您好，我两周前订购了一双跑鞋，但到现在还没有收到。请帮我查一下我的包裹怎么了？如果丢失了，我希望退款或者补发，哪个更快就选哪个。谢谢！"
        ),
    ),
    (
        "ja",
        51,
        (
            "こんにちは。2週間前にランニングシューズを注文しましたが、まだ届いていません。荷物の状況を確認していただけますか？紛失した場合は、返金または再送をお願いします。"
        ),
    ),
    (
        "ko",
        50,
        (
            "안녕하세요, 2주 전에 운동화를 주문했는데 아직 도착하지 않았습니다. 제 택배가 "
            "어떻게 되었는지 확인해 주시겠어요? 분실되었다면 환불이나 "
            "재발송을 원합니다."
        ),
    ),
    (
        "ar",
        61,
        (
            "مرحبا، لقد طلبت حذاء رياضيا قبل أسبوعين ولم يصل حتى الآن. هل يمكنكم التحقق مما "
            "حدث لطردي؟ إذا ضاع، أود استرداد المبلغ أو إرسال بديل في أسرع وقت."
        ),
    ),
    (
        "he",
        121,
        (
            "שלום, הזמנתי זוג נעלי ריצה לפני שבועיים והן עדיין לא הגיעו. האם תוכלו לבדוק מה "
            "קרה לחבילה שלי? אם היא אבדה, אני רוצה החזר כספי."
        ),
    ),
    (
        "hi",
        94,
        (
            "नमस्ते, मैंने दो हफ्ते पहले जूते ऑर्डर किए थे और वे अभी तक नहीं आए हैं। क्या आप "
            "कृपया जांच सकते हैं कि मेरे पार्सल का क्या हुआ? अगर वह खो गया है तो मुझे पैसे "
            "वापस चाहिए।"
        ),
    ),
    (
        "md",
        68,
        (
            "## Returns\n\n1. Open **My orders**.\n2. Choose *Return an item* and print the "
            "label.\n3. Drop the parcel at any `ParcelPoint`.\n\n| Country | Days | Cost "
            "|\n|---|---|---|\n| Germany | 30 | free |\n| France | 30 | 4.90 |\n"
        ),
    ),
    (
        "code",
        71,
        (
            "def render(self, turn: Turn, passages: Sequence[Passage] = ()) -> Prompt:\n    "
            "for message in turn.history:\n        if message.author == 'customer' and "
            'len(message.text) > 0:\n            words.append({"role": "user", "content": '
            "message.text})\n    return Prompt(turn=turn, words=tuple(words))\n"
        ),
    ),
    (
        "json",
        76,
        (
            '{"order_id": "A-48213-XZ", "items": [{"sku": "SHOE-42-BLK", "qty": 2, "price": '
            '79.95}, {"sku": "SOCK-9", "qty": 1, "price": 4.5}], "total": 164.40, "paid": '
            "true}"
        ),
    ),
]
AWKWARD = [
    (
        "th",
        61,
        ("สวัสดีค่ะ ฉันสั่งซื้อรองเท้าวิ่งเมื่อสองสัปดาห์ก่อน แต่ยังไม่ได้รับสินค้า ช่วยตรวจสอบพัสดุให้หน่อยได้ไหมคะ ถ้าหายไปขอเงินคืนค่ะ"),
    ),
    (
        "bn",
        133,
        ("নমস্কার, আমি দুই সপ্তাহ আগে জুতা অর্ডার করেছিলাম কিন্তু এখনও আসেনি। আমার পার্সেলের কী হয়েছে তা কি দেখতে পারেন?"),
    ),
    (
        "ta",
        166,
        ("வணக்கம், நான் இரண்டு வாரங்களுக்கு முன்பு காலணிகளை ஆர்டர் செய்தேன், ஆனால் அவை இன்னும் வரவில்லை. தயவுசெய்து சரிபார்க்கவும்."),
    ),
    ("ka", 155, ("გამარჯობა, ორი კვირის წინ შევუკვეთე ფეხსაცმელი და ჯერ არ მოსულა. შეგიძლიათ შეამოწმოთ?")),
    ("am", 135, ("ሰላም፣ ከሁለት ሳምንት በፊት ጫማ አዝዤ ነበር እስካሁን አልደረሰም። እባክዎ ያረጋግጡ።")),
    (
        "url",
        74,
        (
            ""
            "https://shop.example.com/orders/8f14e45f-ceea-467f-a0e6-1c2b3d4e5f60/track?utm_source=mail&utm_campaign=Spring2024&token=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
        ),
    ),
    (
        "base64",
        84,
        (
            ""
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJgggQmCCpXz7Kq3vTn5b0aYwZLrE2HfUoMdJsG"
        ),
    ),
    (
        "hex",
        56,
        ("5d41402abc4b2a76b9719d911017c592e4da3b7fbbce2345d7772b0674a318d57d793037a0760186574b0282f2f435e7"),
    ),
    (
        "gibberish",
        42,
        ("asdfjkl qwpoeiru zxmcnvb lkjhgf poiuytrewq mnbvcxz qazwsxedc rfvtgbyhn plokijuh wsxcderfv"),
    ),
    (
        "caps",
        33,
        (
            "WHERE IS MY ORDER??? I HAVE BEEN WAITING FOR THREE WEEKS!!! THIS IS "
            "UNACCEPTABLE, I WANT MY MONEY BACK IMMEDIATELY"
        ),
    ),
    (
        "punct",
        43,
        ("!!! ??? ... --- *** === ((([[[{{{ }}}]]])))  $%&/()=?`´*'_:;>< ~~~ <<< >>> ,,, ;;; |||| #### @@@@"),
    ),
    ("emoji", 101, ("😀😃😄😁😆😅🤣😂🙂🙃😉😊😇🥰😍🤩😘😗👨‍👩‍👧‍👦👩🏽‍🚀🏳️‍🌈🇩🇪🇫🇷❤️✨🎉🔥👍🏿")),
    ("combining", 56, ("Z̸̢͎̠a̴̛̘l̷̰̍g̶̝̈́o̵̜͑ ä̧̰́b̴̛̘c̷̰̍")),
]


@pytest.mark.parametrize(("kind", "tokens", "text"), EVERYDAY, ids=[kind for kind, _, _ in EVERYDAY])
def test_everyday_text_is_estimated_within_bounds(kind: str, tokens: int, text: str) -> None:
    """What customers and bots write comes out at 0.75 to 1.8 times what a real vocabulary needs."""
    assert 0.75 <= estimate(text) / tokens <= 1.8


@pytest.mark.parametrize(("kind", "tokens", "text"), AWKWARD, ids=[kind for kind, _, _ in AWKWARD])
def test_awkward_text_is_not_badly_underestimated(kind: str, tokens: int, text: str) -> None:
    """Text that tokenizes badly is never taken for less than half of what it costs."""
    assert 0.5 <= estimate(text) / tokens <= 3


def test_nothing_costs_nothing() -> None:
    """Only the empty text is free."""
    assert [0, 1, 1] == [estimate(""), estimate(" "), estimate("a")]


def test_runs_of_spaces_are_cheap() -> None:
    """A thousand spaces are not a thousand tokens."""
    assert 80 == estimate(" " * 1000)


def test_a_lone_surrogate_is_counted() -> None:
    """Text that UTF-8 cannot carry is counted all the same."""
    assert 1 == estimate("\ud800")


@given(st.text())
def test_the_estimate_stays_between_its_limits(text: str) -> None:
    """At least one token per 13 characters, at most three per character."""
    assert len(text) / 13 <= estimate(text) <= 3 * len(text)


@given(st.text(), st.text())
def test_two_texts_cost_no_more_together_than_apart(one: str, other: str) -> None:
    """The estimate of a whole lies between the larger part and the sum of the parts."""
    whole = estimate(one + other)
    assert max(estimate(one), estimate(other)) <= whole <= estimate(one) + estimate(other)


@pytest.mark.parametrize("text", [EVERYDAY[0][2], EVERYDAY[9][2], EVERYDAY[12][2]], ids=["en", "ru", "zh"])
def test_a_kilobyte_takes_at_most_50_microseconds(text: str) -> None:
    """Counting is cheap enough to do it for every message of every turn."""
    kilobyte = (text * 20).encode()[:1024].decode(errors="ignore")
    assert min(timeit.repeat(lambda: estimate(kilobyte), number=20, repeat=20)) / 20 <= 50e-6
