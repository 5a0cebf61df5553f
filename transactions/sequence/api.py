"""The resources of this block: none yet."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
