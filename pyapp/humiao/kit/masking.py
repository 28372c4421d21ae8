"""What people see of personal data on screens and in logs."""


def mask_document(number: str) -> str:
    """310101202002290014 -> 310***********0014: three first, four last."""
    if len(number) <= 7:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - 7) + number[-4:]


def mask_phone(phone: str) -> str:
    """+8613812345678 or 13812345678 -> 138****5678."""
    local = phone.removeprefix("+86")
    return local[:3] + "****" + local[-4:] if len(local) == 11 else "*" * len(local)


def mask_name(name: str) -> str:
    """王小明 -> *小明; a single character is shown as *."""
    return "*" + name[1:] if len(name) > 1 else "*"
