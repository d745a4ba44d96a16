import signal
from threading import Thread

import pytest

from spacy_mtl.signals import CAUGHT, Interrupted, raising_interrupted


@pytest.mark.parametrize("number", CAUGHT)
def test_a_signal_is_raised_and_the_handlers_are_put_back(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in CAUGHT]
    with pytest.raises(Interrupted) as caught, raising_interrupted():
        signal.raise_signal(number)
    assert caught.value.number == number and str(caught.value) == number.name
    assert not isinstance(caught.value, Exception)
    assert [signal.getsignal(each) for each in CAUGHT] == before


def test_threads_leave_the_signals_alone() -> None:
    found = []

    def look() -> None:
        with raising_interrupted():
            found.append([signal.getsignal(each) for each in CAUGHT])

    thread = Thread(target=look)
    thread.start()
    thread.join()
    assert found == [[signal.getsignal(each) for each in CAUGHT]]
