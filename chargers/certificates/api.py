"""The API's door to this block."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
