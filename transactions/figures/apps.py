from django.apps import AppConfig


class FiguresConfig(AppConfig):
    name = "transactions.figures"

    def ready(self) -> None:
        from django.db.models.signals import post_delete, post_save

        from transactions.figures.whole_days import mark_late
        from transactions.models import Transaction

        # A signal, not a follower of what happened: no way to store a session may forget its day.
        post_save.connect(mark_late, sender=Transaction, dispatch_uid="figures.late")
        post_delete.connect(mark_late, sender=Transaction, dispatch_uid="figures.late_gone")
